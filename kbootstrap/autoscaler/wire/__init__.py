"""The contract with Cluster Autoscaler as `.proto` files, and the message classes made of them."""

from __future__ import annotations

from typing import Any

Message = Any
"""An instance of a message class: its attributes are the fields in the `.proto` file."""
MessageClass = Any
"""A message class; made at run time, so that no type checker knows its fields."""
