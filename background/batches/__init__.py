"""Batches at work: one process owns a batch at a time, and any other may take it up where it stands."""
