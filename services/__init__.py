"""What jobs call: the registry, the context of a run and the services that come ready-made."""
