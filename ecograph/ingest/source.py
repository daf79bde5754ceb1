"""Sources of events, read batch by batch: the rows that are whole, and beside them those set aside."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import polars as pl

from ecograph.errors import SourceError
from ecograph.ingest.batch import Batch, Dialect, make_batch
from ecograph.ingest.delimited import Delimited
from ecograph.ingest.locate import Source, resolve
from ecograph.ingest.ndjson import Ndjson
from ecograph.ingest.quarantine import brief
from ecograph.ingest.transcode import TextStream
from ecograph.progress import Tick

__all__ = ["Batch", "Dialect", "Source", "columns", "read", "resolve"]

BLOCK_BYTES = 8 << 20
_SMALLEST, _LARGEST = 16, 1 << 28  # pyarrow counts the bytes of a block in 32 bits


@contextmanager
def _open(source: Source, dialect: Dialect, tick: Tick | None) -> Iterator[tuple[dict[str, pl.DataType], Any]]:
    """Names and types of a source, and the reader that gives its batches."""
    if source.columnar is not None:
        yield source.columnar.schema, source.columnar
        return
    assert source.path is not None
    with TextStream(source.path, source.name, packed=source.packed, encoding=dialect.encoding, tick=tick) as stream:
        reader: Ndjson | Delimited
        if source.format == "ndjson":
            reader = Ndjson(stream, dialect)
        else:
            reader = Delimited(stream, dialect, "\t" if source.format == "tsv" else ",")
        yield {name: pl.String() for name in reader.names}, reader
        source.digest = stream.sha256 or source.digest


def columns(source: Source, dialect: Dialect) -> dict[str, pl.DataType]:
    """Names and Polars types, from the head of the source alone; of text every column is String."""
    with _open(source, dialect, None) as (found, _):
        return found


def read(
    source: Source, dialect: Dialect, columns: Sequence[str] | None, *,
    block_bytes: int = BLOCK_BYTES, progress: Tick | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """Read a source from its start, batch by batch; the rows don't depend on ``block_bytes``.

    Parameters
    ----------
    columns : those wanted, in that order; None or none at all = all. Only cells of these are checked to be valid text.
    block_bytes : of text read at a time, 16 to 2**28; grown only for a record longer than it.
    progress : called with the bytes of this source read so far.

    Yields
    ------
    At least one batch; records framed = rows + rows set aside, in each and so on the whole.

    Raises
    ------
    SourceError : the source is damaged, has no header, or lacks a column.
    """
    with _open(source, dialect, progress) as (found, reader):
        wanted = list(dict.fromkeys(columns or [])) or list(found)
        if source.format != "ndjson":
            _check_present(source.name, wanted, found)
        none = True
        for batch in reader.batches(wanted, min(max(block_bytes, _SMALLEST), _LARGEST)):
            none = False
            yield batch
            if progress is not None and source.columnar is not None and source.nbytes is not None:
                progress(source.nbytes * source.columnar.share)
        if none:
            yield _empty(source.name, {name: found.get(name, pl.String()) for name in wanted})


def _check_present(name: str, wanted: Sequence[str], found: dict[str, pl.DataType]) -> None:
    for column in wanted:
        if column not in found:
            near = difflib.get_close_matches(column, found, n=3) or list(found)[:10]
            hint = f"it has {', '.join(brief(repr(c), 60) for c in near)}" + (", ..." if len(found) > len(near) else "")
            raise SourceError(f"{name} has no column {brief(repr(column), 60)}.", hint=hint)
    if not wanted:
        raise SourceError(f"{name} has no columns.")


def _empty(name: str, schema: dict[str, pl.DataType]) -> Batch:
    nowhere = np.empty(0, np.int64)
    return make_batch(name, pl.DataFrame(schema=schema), nowhere, nowhere, lambda rows: [], invalid={})
