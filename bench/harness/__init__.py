"""What the benches share: clients, servers to compare with, headlines, and the run of all with its table."""
