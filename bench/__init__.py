"""Measurements: programs that print JSON, see docs/benchmarks.md."""
