"""HTTP itself: sockets, limits, bodies, and errors as responses. Knows nothing of jobs."""
