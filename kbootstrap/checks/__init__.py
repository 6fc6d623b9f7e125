"""Checks of what runs: facts → results, each passed, failed or unknown."""
