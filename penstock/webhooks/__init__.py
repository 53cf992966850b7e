"""Webhooks in the form of Standard Webhooks: what is told, to whom, when, and how it is signed. Pure."""
