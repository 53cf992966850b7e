"""Batches: a file of requests, each line a job; what one is, and the decisions about it. No Redis, no clock."""
