"""What the engine runs on here, told without importing torch."""

from __future__ import annotations

from pathlib import Path

#: The driver's node, which is there wherever CUDA is.
ON_GPU = Path("/dev/nvidiactl").exists()
#: For engines that share a GPU: vLLM takes nearly all of its memory, and does not start where others have it.
SHARED_GPU = {"gpu_memory_utilization": 0.25} if ON_GPU else {}
