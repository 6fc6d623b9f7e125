"""Renders the spec to files: HCL and node configuration. Pure and byte-stable, except for `write`."""
