"""What people hold: the command line, the HTTP interface and the composition root."""
