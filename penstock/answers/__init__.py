"""The wire forms of an answer: whole, in chunks, as events."""
