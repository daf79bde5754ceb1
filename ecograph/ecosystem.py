"""An ecosystem: who takes part, what flows between them, in one order that never changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.schema import Relation
from ecograph.ties import Ties

__all__ = ["Ecosystem"]


@dataclass(frozen=True, eq=False)
class Ecosystem:
    """Participants and ties of a platform ecosystem.

    Use ``ecograph.read_events``, ``Ecosystem.from_events`` or ``Ecosystem.from_ties``; the plain
    constructor trusts its arguments to be in canonical order already.
    """

    participants: pl.DataFrame
    ties: Ties
    relations: tuple[Relation, ...]
    periods: tuple[int | None, ...] = (None,)
    every: str | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many participants."""
        return self.participants.height

    @cached_property
    def ids(self) -> pl.Series:
        """Participant ids, in canonical order."""
        return self.participants["id"]

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """Ties of receiver j are rows ``indptr[j]`` to ``indptr[j + 1]`` of the tie table."""
        return np.searchsorted(self.ties.receiver, np.arange(len(self) + 1, dtype=np.int32)).astype(np.int64)
