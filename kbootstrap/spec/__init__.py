"""The spec: parses YAML text into a frozen `Spec`, or into diagnostics with their locations."""
