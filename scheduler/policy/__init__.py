"""What the scheduler decides: pure functions of facts and a time, each to a frozen decision with its reason."""
