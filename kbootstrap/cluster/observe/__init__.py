"""Reads facts, credentials and journals from nodes; changes nothing."""
