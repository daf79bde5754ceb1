"""Replicates of an ecosystem: not there yet, and said so."""

from __future__ import annotations

from typing import Any

from ecograph.errors import EcographError

__all__ = ["replicate_values"]


def replicate_values(*_: Any, **__: Any) -> Any:
    """Refuse: this version has gradients only."""
    raise EcographError("This version can't redraw events.", hint='intervals="delta" or "none"')
