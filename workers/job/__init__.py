"""One job on its worker, from claim to result."""
