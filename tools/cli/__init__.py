"""The command `horolog`."""
