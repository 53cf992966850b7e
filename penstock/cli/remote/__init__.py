"""Commands that ask a running server, over HTTP, as any other client does."""
