"""Parquet, Arrow IPC, Arrow streams and Polars frames: batch by batch, the columns asked for alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.errors import SourceError
from ecograph.ingest.batch import Batch, make_batch
from ecograph.ingest.columns import Columns
from ecograph.ingest.quarantine import RAW_CHARACTERS, brief
from ecograph.ingest.types import arrow_column, polars_column, schema_of

__all__ = ["Columnar", "open_frame", "open_ipc", "open_parquet", "open_stream"]

# Tables (Arrow record batches or Polars frames) of some columns, about so many rows at a time, with the share done.
Tables: TypeAlias = Callable[[list[str], int], Iterator[tuple[Any, float]]]
_BUFFER = 1 << 18  # bytes of a column read from the disk at a time
_BYTES_A_ROW = 64  # a guess that only sets how many rows are taken at a time


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn what Arrow or Polars say about a damaged source into a SourceError that can be read."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        hint = "is it whole? Fetch or write it again, and try to read it by itself."
        raise SourceError(f"{name} can't be read: {brief(error)}", hint=hint) from None


class Columnar:
    """A source that comes in typed columns.

    Attributes
    ----------
    schema : name and Polars type of each column; categories and bytes are read as text.
    share : of the source read so far, between 0 and 1.
    """

    def __init__(self, name: str, schema: dict[str, pl.DataType], tables: Tables) -> None:
        self._name, self.schema, self._tables, self.share = name, schema, tables, 0.0

    def batches(self, columns: Sequence[str], block_bytes: int) -> Iterator[Batch]:
        """Read ``columns`` from the start."""
        size, first = max(1, block_bytes // _BYTES_A_ROW), 1
        with _readable(self._name):
            for table, share in self._tables(list(columns), size):
                self.share = share
                rows = len(table) if isinstance(table, pl.DataFrame) else table.num_rows
                for low in range(0, rows, size):
                    batch = self._batch(table.slice(low, min(size, rows - low)), columns, first + low)
                    yield batch
                first += rows

    def _batch(self, table: Any, names: Sequence[str], first: int) -> Batch:
        found, invalid = {}, {}
        read = polars_column if isinstance(table, pl.DataFrame) else arrow_column
        for name in names:
            found[name], wrong = read(table[name])
            if wrong is not None:
                invalid[name] = wrong
        columns = Columns(found)
        line = np.arange(first, first + columns.height, dtype=np.int64)
        return make_batch(
            self._name, columns, line, np.full(columns.height, -1, np.int64), lambda rows: _raw(table, rows),
            invalid=invalid,
        )  # fmt: skip


def _raw(table: Any, rows: NDArray[np.intp]) -> list[str]:
    def row(i: int) -> Any:
        if isinstance(table, pl.DataFrame):
            return table.row(i, named=True)
        return {name: _cell(table[name][i]) for name in table.schema.names}

    return [json.dumps(row(i), ensure_ascii=False, default=_shown)[:RAW_CHARACTERS] for i in rows.tolist()]


def _cell(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except ValueError:  # text that isn't UTF-8, or a value that Python has no type for
        return bytes(scalar.as_buffer()) if hasattr(scalar, "as_buffer") else str(type(scalar))


def _shown(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def open_parquet(path: str) -> Columnar:
    """A Parquet file, read a part of a row group at a time."""
    from pyarrow import parquet

    with _readable(path):
        with parquet.ParquetFile(path) as file:
            schema = schema_of(path, file.schema_arrow)

        def tables(columns: list[str], size: int) -> Iterator[tuple[Any, float]]:
            # Without these two pyarrow keeps every compressed byte it has read until the end. Columns come one after
            # another: other threads have batches to work on, and Arrow's own take half as much processor time again.
            with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as opened:
                done, n = 0, opened.metadata.num_rows
                for batch in opened.iter_batches(batch_size=size, columns=columns, use_threads=False):
                    done += batch.num_rows
                    yield batch, done / max(n, 1)

        return Columnar(path, schema, tables)


def open_ipc(path: str, *, stream: bool) -> Columnar:
    """An Arrow IPC file (or Feather), or an IPC stream kept in a file, a record batch at a time."""
    import pyarrow as pa
    from pyarrow import ipc

    def tables(columns: list[str], size: int) -> Iterator[tuple[Any, float]]:
        with pa.OSFile(path) as file:
            if stream:
                for batch in ipc.open_stream(file):
                    yield batch, file.tell() / max(file.size(), 1)
                return
            names = ipc.open_file(file).schema.names
            options = ipc.IpcReadOptions(included_fields=[names.index(name) for name in columns])
            reader = ipc.open_file(file, options=options)
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i), (i + 1) / reader.num_record_batches

    with _readable(path), pa.OSFile(path) as opened:
        schema = (ipc.open_stream if stream else ipc.open_file)(opened).schema
        return Columnar(path, schema_of(path, schema), tables)


def open_stream(name: str, value: Any) -> Columnar:
    """Any object with ``__arrow_c_stream__``; one that can be read only once gives its rows only once."""
    import pyarrow as pa

    with _readable(name):
        first = [pa.RecordBatchReader.from_stream(value)]
        schema = schema_of(name, first[0].schema)

    def tables(columns: list[str], size: int) -> Iterator[tuple[Any, float]]:
        if not first and isinstance(value, pa.RecordBatchReader):
            hint = "make the reader anew, or read it into a table first: reader.read_all()."
            raise SourceError(f"{name} is a stream that was read already; it has no rows left.", hint=hint)
        reader = first.pop() if first else pa.RecordBatchReader.from_stream(value)
        for batch in reader:
            yield batch, 0.0

    return Columnar(name, schema, tables)


def open_frame(name: str, value: pl.DataFrame | pl.LazyFrame) -> Columnar:
    """A Polars frame in slices, or a LazyFrame run by the streaming engine."""
    with _readable(name):
        found = value.schema if isinstance(value, pl.DataFrame) else value.collect_schema()
    text = (pl.Binary, pl.Categorical, pl.Enum)
    schema = {name: pl.String() if dtype in text else dtype for name, dtype in found.items()}

    def tables(columns: list[str], size: int) -> Iterator[tuple[pl.DataFrame, float]]:
        if isinstance(value, pl.DataFrame):
            yield value.select(columns), 1.0
        elif hasattr(value, "collect_batches"):
            for frame in value.select(columns).collect_batches(chunk_size=size):
                yield frame, 0.0
        else:
            yield value.select(columns).collect(engine="streaming"), 1.0

    return Columnar(name, schema, tables)
