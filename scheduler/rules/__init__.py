"""Decisions, pure: what each event means, what a command brings about, what a restart owes."""
