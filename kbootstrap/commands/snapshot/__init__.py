"""The `snapshot` commands, one module for each."""
