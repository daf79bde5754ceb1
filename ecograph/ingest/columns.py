"""The columns of a batch: text stays the bytes it came as until somebody asks for a Polars Series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.order import text_buffers

__all__ = ["Columns", "Mask", "Table", "Texts", "texts_of"]

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of valid UTF-8 where Arrow keeps it: row r is ``data[offsets[r]:offsets[r + 1]]``.

    ``missing`` tells which cells are null; None = none is. ``arrow`` is the array itself, of bytes.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    missing: Mask | None
    arrow: Any

    def __len__(self) -> int:
        return int(self.offsets.size - 1)

    @cached_property
    def series(self) -> pl.Series:
        """The same as Polars keeps it."""
        import pyarrow as pa

        kind = pa.large_string() if pa.types.is_large_binary(self.arrow.type) else pa.string()
        return pl.Series(pl.from_arrow(self.arrow.view(kind)), dtype=pl.String)


def texts_of(column: pl.Series | Texts) -> Texts:
    """The bytes of a column of text."""
    if isinstance(column, Texts):
        return column
    missing = column.is_null().to_numpy() if column.null_count() else None
    data, offsets = text_buffers(column if missing is None else column.fill_null(""))
    return Texts(data, offsets, missing, None)


class Columns:
    """Columns of equal length by name: ``columns[name]`` is a Series, ``columns.given(name)`` what it came as."""

    def __init__(self, given: Mapping[str, pl.Series | Texts] | pl.DataFrame) -> None:
        self._given = {it.name: it for it in given} if isinstance(given, pl.DataFrame) else dict(given)
        self._frame = given if isinstance(given, pl.DataFrame) else None
        self.height = (
            given.height if isinstance(given, pl.DataFrame) else max(map(len, self._given.values()), default=0)
        )

    def given(self, name: str) -> pl.Series | Texts:
        """The column as it came."""
        return self._given[name]

    def __getitem__(self, name: str) -> pl.Series:
        column = self._given[name]
        return column.series.rename(name) if isinstance(column, Texts) else column

    @property
    def frame(self) -> pl.DataFrame:
        """All of them as one frame."""
        if self._frame is None:
            self._frame = pl.DataFrame({name: self[name] for name in self._given})
        return self._frame


Table: TypeAlias = pl.DataFrame | Columns  # what has a height, and a Series by each name
