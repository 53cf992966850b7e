"""`penstock batch run`: one file through a batch, on a server or on a stack of its own, whatever interrupts it."""
