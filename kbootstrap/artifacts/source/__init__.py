"""Builds from source, for networks that can reach package registries but no release servers."""
