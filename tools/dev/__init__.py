"""For people with a checkout; left out of the wheel."""
