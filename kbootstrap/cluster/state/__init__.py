"""Facts about nodes and the desired state, as frozen data."""
