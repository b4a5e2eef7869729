"""What it looks like: tables folded from the log, droppable at any time."""
