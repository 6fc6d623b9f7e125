"""A simulated autoscaler: a load trace through the bounds, flavors, delays and prices of a spec. Pure."""
