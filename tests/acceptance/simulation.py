"""The simulated engine's configuration, and what it answers."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.request import Api, parse, sampling
from penstock.text.chat.conversation import Conversation
from penstock.text.sim_tokenizer import SimulatedTokenizer
from tests.simulated_answers import expected_text
from workers.engine.simulated.settings import SimulatedSettings

_OPTIONS = {"prefill_ms_base": 2.0, "prefill_us_per_token": 10.0, "itl_ms": 15.0, "allow_injection": True}
#: Tokens as fast as the event loop can make them, and many of them.
_FAST = {**_OPTIONS, "itl_ms": 0.0, "prefill_ms_base": 0.0, "max_model_len": 100_000}

POOL: dict[str, Any] = {"engine": "simulated", "slots": 64, "options": _OPTIONS}
SIMULATION: dict[str, Any] = {
    "models": {name: {"pool": name} for name in ("sim", "fast", "narrow")},
    "pools": {
        "sim": {**POOL, "workers": 2},
        "fast": {**POOL, "options": _FAST},
        "narrow": {**POOL, "slots": 1, "lane_max_jobs": 1},
    },
}


def expected(content: str, **fields: Any) -> str:
    """The answer to a question, whatever happens on the way."""
    body = parse(Api.CHAT, msgspec.json.encode({"model": "sim", "messages": [_message(content)], **fields}))
    prompt = SimulatedTokenizer().chat(Conversation(messages=[_message(content)]))
    return expected_text(prompt, sampling(body), SimulatedSettings.parse(_OPTIONS))


def _message(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}
