"""The commands: one module for each, in the order in which it works."""
