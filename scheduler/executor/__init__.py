"""The running loop: clock, ownership, the one write path, ticks, dispatch and snapshots."""
