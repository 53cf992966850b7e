"""The only code that speaks Redis: keys, scripts and their stubs, connections, leases, the embedded server."""
