"""Shared foundations: errors, diagnostics, events, and access to files and processes."""
