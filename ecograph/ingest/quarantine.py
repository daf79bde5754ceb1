"""Rows set aside: where each stood, what it said, and why it wasn't taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

__all__ = ["QUARANTINE", "RAW_CHARACTERS", "brief", "quarantine"]

QUARANTINE: dict[str, pl.DataType] = {
    "source": pl.String(),
    "line": pl.Int64(),
    "offset": pl.Int64(),
    "column": pl.String(),
    "raw": pl.String(),
    "reason": pl.String(),
}
RAW_CHARACTERS = 500


def quarantine(
    source: str,
    line: Sequence[int] | Any = (),
    offset: Sequence[int] | Any = (),
    column: Sequence[str | None] | str | None = None,
    raw: Sequence[str] = (),
    reason: Sequence[str] | str = "",
) -> pl.DataFrame:
    """Build a frame of the schema ``QUARANTINE``, one row a row set aside.

    ``line`` (physical, 1-based), ``offset`` (bytes; -1 = no meaning) and ``raw`` are as long as the
    frame; ``column`` and ``reason`` may also be one value for all rows. ``raw`` is cut at
    ``RAW_CHARACTERS``.

    Examples
    --------
    >>> quarantine("log.csv", [7], [120], "amount", ["a,b,x"], "amount is not a number").row(0)
    ('log.csv', 7, 120, 'amount', 'a,b,x', 'amount is not a number')
    """
    n = len(raw)
    columns = {
        "source": [source] * n,
        "line": line,
        "offset": offset,
        "column": [column] * n if column is None or isinstance(column, str) else column,
        "raw": [text[:RAW_CHARACTERS] for text in raw],
        "reason": [reason] * n if isinstance(reason, str) else reason,
    }
    return pl.DataFrame({name: pl.Series(name, columns[name], dtype) for name, dtype in QUARANTINE.items()})


def brief(error: BaseException | str, characters: int = 200) -> str:
    """A library's own words on one line, cut: such a text can hold the whole of the user's data.

    Examples
    --------
    >>> brief(ValueError("bad row: " + "x" * 1_000_000), 12)
    'bad row: xxx...'
    """
    text = str(error)[: 4 * characters]
    words = "".join(c if c.isprintable() else " " for c in text).split()
    line = " ".join(words)
    return line if len(line) <= characters else line[:characters] + "..."
