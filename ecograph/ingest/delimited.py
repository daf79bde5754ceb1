"""CSV and TSV: frame first, then parse the records that are whole, and lose none between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.frame import BLANK, LONG, OK, OPEN
from ecograph.errors import SourceError
from ecograph.ingest.batch import Batch, Dialect, decode, make_batch
from ecograph.ingest.columns import Columns, Mask, Texts
from ecograph.ingest.frame import REASONS, Framer, Records
from ecograph.ingest.quarantine import quarantine
from ecograph.ingest.transcode import TextStream

__all__ = ["Delimited"]

_HEAD, _LONGEST_HEADER = 1 << 16, 1 << 22
_SAMPLE = 100
_BOM = b"\xef\xbb\xbf"


class Delimited:
    """A CSV or TSV whose header has been read.

    Attributes
    ----------
    names : of the columns, in the file's order.
    """

    def __init__(self, stream: TextStream, dialect: Dialect, delimiter: str) -> None:
        self._stream, self._dialect = stream, dialect
        self._delimiter = dialect.delimiter or delimiter
        self._framer = Framer(stream, self._delimiter, dialect.quote, dialect.max_cell_lines, dialect.max_cell_bytes)
        head, first = self._head()
        if head.text[head.stop[first] : head.start[first + 1]] != b"\r":
            self._framer.lone_cr = False
            head, first = self._head()
        if dialect.header:
            self.names = self._header(head, first)
            first += 1
        else:
            self.names = self._numbered(head)
        self._check_names()
        self._check_width(head.fields[first:][~np.isin(head.why[first:], (BLANK, OPEN, LONG))][:_SAMPLE])
        self._framer.skip(head, first if dialect.header else 0)

    def _head(self) -> tuple[Records, int]:
        """The first records, and which of them is the first that isn't blank."""
        size = _HEAD
        while True:
            head = self._framer.peek(size)
            others = np.flatnonzero(head.why != BLANK)
            if others.size:
                return head, int(others[0])
            if len(head.text) < size:
                hint = "is it the right file? One without rows needs at least its header line."
                raise SourceError(f"{self._stream.name} holds no record, not even a header.", hint=hint)
            if size > _LONGEST_HEADER:
                hint = "is it text at all? The first line must name the columns, or give header=False a first record."
                raise SourceError(f"{self._stream.name} has no whole record in its first {size:,} bytes.", hint=hint)
            size *= 8

    def _header(self, head: Records, row: int) -> tuple[str, ...]:
        name, line = self._stream.name, int(head.line[row])
        if head.why[row]:
            hint = f"correct that line; it reads {head.raw(row)[:60]!r}."
            why = REASONS[int(head.why[row])]
            raise SourceError(f"{name}: the header (line {line}) can't be read: {why}.", hint=hint)
        cells = self._parse(head, np.arange(len(head)) == row, int(head.fields[row]), None)
        if cells is None or cells.num_rows != 1:
            raise SourceError(f"{name}: the header (line {line}) can't be read.")
        named = [cell.series[0] for cell, _ in map(decode, cells.columns) if isinstance(cell, Texts)]
        if len(named) < cells.num_columns:
            hint = "say how it is written: encoding='cp1252', 'latin-1', 'gb18030', ..."
            raise SourceError(f"{name}: the header isn't valid {self._stream.encoding.upper()}.", hint=hint)
        return tuple(str(cell) or f"column_{i}" for i, cell in enumerate(named, start=1))

    def _numbered(self, head: Records) -> tuple[str, ...]:
        if self._dialect.columns is not None:
            return self._dialect.columns
        whole = np.flatnonzero(head.why == OK)
        width = int(head.fields[whole[0] if whole.size else 0])
        return tuple(f"column_{i}" for i in range(1, width + 1))

    def _check_names(self) -> None:
        if twice := [repr(name[:40]) for name, n in Counter(self.names).items() if n > 1]:
            hint = "edit the header line, or read with header=False and columns=[...] (the header is then a row too)."
            raise SourceError(f"{self._stream.name}: more than one column is called {', '.join(twice[:5])}.", hint=hint)

    def _check_width(self, fields: NDArray[np.int64]) -> None:
        """Rows that agree among themselves, and not with the header, mean that the header is wrong."""
        width = len(self.names)
        if fields.size < 3 or fields.min() != fields.max() or fields[0] == width:
            return
        what = "header names" if self._dialect.header else "columns= names"
        hint = (
            "is the delimiter right, does a title stand above the header, or is the first column without a name? "
            f"header=False and columns=[{fields[0]} names] reads it as it is."
        )
        raise SourceError(
            f"{self._stream.name}: the {what} {width} column(s), but the rows have {fields[0]} field(s).", hint=hint
        )

    def batches(self, columns: Sequence[str], block_bytes: int) -> Iterator[Batch]:
        """Read on, ``columns`` alone; records = rows + rows set aside, in every batch."""
        positions = [self.names.index(name) for name in columns]
        width = len(self.names)
        longest = width * (self._dialect.max_cell_bytes + 3)
        for records in self._framer.blocks(block_bytes, width, longest):
            cells, good = self._cells(records, records.why == OK, positions)
            yield self._batch(records, cells, good, columns)

    def _batch(self, records: Records, cells: Any, good: Mask, columns: Sequence[str]) -> Batch:
        rows, others = np.flatnonzero(good), np.flatnonzero(~good)
        found, invalid = {}, {}
        for name, column in zip(columns, cells.columns, strict=True):
            found[name], wrong = decode(column)
            if wrong is not None:
                invalid[name] = wrong
        reasons = [REASONS.get(int(why), "not parsed") for why in records.why[others]]
        texts = [records.raw(row) for row in others.tolist()]
        bad = quarantine(self._stream.name, records.line[others], records.offset[others], None, texts, reasons)
        return make_batch(
            self._stream.name, Columns(found), records.line[rows], records.offset[rows],
            lambda picked: [records.raw(row) for row in rows[picked].tolist()],
            invalid=invalid, reason=f"not valid {self._stream.encoding.upper()}", bad=bad,
        )  # fmt: skip

    def _cells(self, records: Records, good: Mask, positions: list[int]) -> tuple[Any, Mask]:
        """Cells of the good records; where parser and frame disagree, halve until the record at fault is out."""
        import pyarrow as pa

        cells = self._parse(records, good, len(self.names), positions)
        n = int(good.sum())
        if cells is not None and cells.num_rows == n:
            return cells, good
        if n == 1:
            empty = pa.table({str(i): pa.array([], pa.binary()) for i in positions})
            return empty, np.zeros_like(good)
        middle = np.flatnonzero(good)[n // 2]
        first, second = good.copy(), good.copy()
        first[middle:], second[:middle] = False, False
        (a, in_a), (b, in_b) = (self._cells(records, half, positions) for half in (first, second))
        return pa.concat_tables([a, b]), in_a | in_b

    def _parse(self, records: Records, good: Mask, width: int, positions: Sequence[int] | None) -> Any:
        """The good records by pyarrow as a table of bytes, or None where it refuses them."""
        import pyarrow as pa
        from pyarrow import csv

        wanted = [str(i) for i in (range(width) if positions is None else positions)]
        if not good.any():
            return pa.table({name: pa.array([], pa.binary()) for name in wanted})
        data = records.joined(good)
        if bytes(data[:3]) == _BOM:  # pyarrow drops one mark at the start of what it is given; here it is text
            data = _BOM + data
        try:
            return csv.read_csv(
                pa.BufferReader(pa.py_buffer(data)),
                csv.ReadOptions(
                    column_names=[str(i) for i in range(width)], block_size=len(data) + 1, use_threads=False
                ),
                csv.ParseOptions(
                    delimiter=self._delimiter, quote_char=self._dialect.quote or False, double_quote=True,
                    escape_char=False, newlines_in_values=True, ignore_empty_lines=False,
                ),
                csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.binary()), include_columns=wanted),
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
