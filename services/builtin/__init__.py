"""Services that come ready-made."""
