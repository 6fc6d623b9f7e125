"""Builds the stand-in for RKE2 before its first use, and prints the folder of its releases."""

from __future__ import annotations

import sys

from tests.standin.engine import mirror

if __name__ == "__main__":
    sys.stdout.write(f"{mirror()}\n")
