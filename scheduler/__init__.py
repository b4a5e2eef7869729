"""What is true and what happens next: the events, the rules, the log and the running loop."""
