"""Steps of the hub's own tables."""
