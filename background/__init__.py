"""Accounts for ended jobs: usage exactly once, webhooks at least once."""
