"""Which rows are the conductors asked about?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ParticipantError
from ecograph.html import quoted

__all__ = ["rows_of_many", "rows_of_one_or_many"]


def rows_of_one_or_many(eco: Ecosystem, conductor: str | Sequence[str]) -> tuple[NDArray[np.int64], bool]:
    """Rows in the order asked for, and whether it was one id rather than a sequence of them."""
    one = isinstance(conductor, str)
    return rows_of_many(eco, [conductor] if isinstance(conductor, str) else conductor, "conductor"), one


def rows_of_many(eco: Ecosystem, ids: Sequence[str], name: str) -> NDArray[np.int64]:
    """Rows in the order asked for; a single text is no sequence of ids."""
    if isinstance(ids, str):
        raise ParticipantError(f"{name}={quoted([ids])} is one id, not a list of them.", hint=f"{name}=[{ids!r}]")
    listed = list(ids)
    if strange := [id for id in listed if not isinstance(id, str)]:
        raise ParticipantError(
            f"{name} names {strange[0]!r}, a {type(strange[0]).__name__}; ids are text.", hint="take them from eco.ids"
        )
    return eco.rows_of(listed)
