"""Builds from source, for places that reach package registries and no release servers."""
