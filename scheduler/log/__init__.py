"""The append-only log: its contract, its engines, its bytes and its hash chain."""
