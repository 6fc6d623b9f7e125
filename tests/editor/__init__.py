"""YAML's language server, as editors use it."""
