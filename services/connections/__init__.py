"""Named connections to the world outside, made from the settings on first use."""
