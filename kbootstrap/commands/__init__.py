"""What each command does, from top to bottom; one module for each."""
