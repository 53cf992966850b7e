"""The bodies of requests as JSON schemas: what msgspec knows of their types, and what is checked besides."""
