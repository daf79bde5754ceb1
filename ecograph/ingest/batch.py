"""A batch of rows with their places, and how a text file is to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.errors import SourceError
from ecograph.ingest.columns import Columns, Mask, Texts
from ecograph.ingest.quarantine import quarantine
from ecograph.ingest.transcode import check_encoding

__all__ = ["Batch", "Dialect", "Mask", "Raw", "decode", "make_batch"]

Raw = Callable[[NDArray[np.intp]], list[str]]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written; columnar files and frames don't look at it.

    Parameters
    ----------
    delimiter : one ASCII character; None = comma, or tab for TSV.
    quote : one ASCII character; None = quotes are text like any other.
    encoding : a Python name; None = what the file's mark (BOM) says, else UTF-8.
    header : the first record names the columns.
    columns : names where there is no header; None = column_1, column_2, ...
    max_cell_lines, max_cell_bytes : what a quoted cell may span before its quote counts as never closed.
    """

    delimiter: str | None = None
    quote: str | None = '"'
    encoding: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None
    max_cell_lines: int = 100
    max_cell_bytes: int = 65536

    def __post_init__(self) -> None:
        for what, mark in (("delimiter", self.delimiter), ("quote", self.quote)):
            if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in "\r\n\0"):
                hint = "a tab is '\\t'; a text with longer delimiters must be rewritten first."
                raise SourceError(f"{what} must be one ASCII character, not {mark[:20]!r}.", hint=hint)
        if self.quote is not None and self.quote == self.delimiter:
            raise SourceError(f"delimiter and quote are both {self.quote!r}.", hint="quote=None reads without quotes.")
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.columns is not None:
            object.__setattr__(self, "columns", tuple(self.columns))
            if self.header:
                hint = "header=False reads the first record as data; without columns= the header names them."
                raise SourceError("columns= names the columns of a file without a header, but header=True.", hint=hint)
        if min(self.max_cell_lines, self.max_cell_bytes) < 1:
            raise SourceError("max_cell_lines and max_cell_bytes must be 1 or more.")


@dataclass(frozen=True)
class Batch:
    """Rows read together.

    Attributes
    ----------
    columns : those asked for; from text files all of type String. A frame will do.
    line : physical line of each row's first byte, 1-based; the row's number where there are no lines.
    offset : byte of each row's start in the decompressed stream, -1 where that has no meaning.
    raw : text of given rows, cut at 500 characters (a JSON of the row where there is no text).
    bad : rows set aside, of the schema ``QUARANTINE``.
    source : name to show. framed : records met = rows + bad.height.
    """

    columns: Columns | pl.DataFrame
    line: NDArray[np.int64]
    offset: NDArray[np.int64]
    raw: Raw
    bad: pl.DataFrame
    source: str
    framed: int

    def __post_init__(self) -> None:
        assert self.framed == self.table.height + self.bad.height, "a row was lost"
        assert self.table.height == self.line.size == self.offset.size

    @cached_property
    def table(self) -> Columns:
        """The columns, as they came."""
        return self.columns if isinstance(self.columns, Columns) else Columns(self.columns)

    @property
    def frame(self) -> pl.DataFrame:
        """The columns as one frame."""
        return self.table.frame


def decode(cells: Any) -> tuple[pl.Series | Texts, Mask | None]:
    """Arrow bytes as text, and which cells aren't valid UTF-8 (None: all are); those come out null."""
    import pyarrow as pa

    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    array = array if pa.types.is_binary(array.type) else array.cast(pa.large_binary())
    _, cuts, content = array.buffers()
    width = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    cuts = np.frombuffer(cuts, width)[array.offset : array.offset + len(array) + 1] if len(array) else np.zeros(1)
    data = np.frombuffer(content, np.uint8) if content is not None else np.empty(0, np.uint8)
    offsets = cuts.astype(np.int64)
    ascii_alone = data[offsets[0] : offsets[-1]].view(np.int8).min(initial=0) >= 0
    if not ascii_alone and not _is_text(array):
        values = [_text(cell) for cell in array.to_pylist()]
        series = pl.Series(values, dtype=pl.String)
        return series, series.is_null().to_numpy() & array.is_valid().to_numpy(zero_copy_only=False)
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return Texts(data, offsets, missing, array), None


def _is_text(array: Any) -> bool:
    import pyarrow as pa

    try:
        array.cast(pa.large_string() if pa.types.is_large_binary(array.type) else pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _text(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode("utf-8")
    except UnicodeDecodeError:
        return None


def make_batch(
    source: str, columns: Columns | pl.DataFrame, line: NDArray[np.int64], offset: NDArray[np.int64], raw: Raw,
    *, invalid: Mapping[str, Mask], reason: str = "not valid UTF-8", bad: pl.DataFrame | None = None,
) -> Batch:  # fmt: skip
    """Set aside the rows with an ``invalid`` cell, beside those in ``bad``; the first such column is named."""
    framed = columns.height + (0 if bad is None else bad.height)
    parts = [] if bad is None else [bad]
    if invalid:
        frame = columns if isinstance(columns, pl.DataFrame) else columns.frame
        out = np.logical_or.reduce(list(invalid.values()))
        rows, kept = np.flatnonzero(out), np.flatnonzero(~out)
        names = [next(name for name, mask in invalid.items() if mask[row]) for row in rows]
        parts.append(quarantine(source, line[rows], offset[rows], names, raw(rows), reason))
        columns, line, offset, whole = frame.filter(~out), line[kept], offset[kept], raw
        raw = lambda picked: whole(kept[picked])  # noqa: E731 - a name for the closure says no more
    bads = pl.concat(parts).sort("line", maintain_order=True) if parts else quarantine(source)
    return Batch(columns, line, offset, raw, bads, source, framed)
