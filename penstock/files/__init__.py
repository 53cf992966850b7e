"""Files: what clients upload for batches, and what batches make."""
