"""The HTTP interface: the API, its problem documents, health and metrics."""
