"""What every room may use: errors, diagnostics, events, and the doors to files and processes."""
