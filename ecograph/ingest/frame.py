"""Blocks of text in, framed records out; the same records whatever the size of a block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import frame as kernel
from ecograph.ingest.quarantine import RAW_CHARACTERS
from ecograph.ingest.transcode import TextStream, bytes_per_unit

__all__ = ["REASONS", "Framer", "Records"]

REASONS: dict[int, str] = {
    kernel.TOO_FEW: "too few fields",
    kernel.TOO_MANY: "too many fields",
    kernel.STRAY: "stray quote",
    kernel.OPEN: "quote never closed",
    kernel.BLANK: "blank line",
    kernel.LONG: "line too long",
    kernel.LONE_CR: "stray carriage return",
}
_RECORDS = 1 << 18  # records framed at a time at most: 10 MB of outputs; above _BLANKS, or nothing would move
_BLANKS = 1 << 16  # blank lines left out at the end of a file; any above are set aside like others


@dataclass(frozen=True)
class Records:
    """Records of one block.

    Attributes
    ----------
    text : the block. stop : byte after each record, its line end not counted.
    start : first byte of each record in ``text``, and one more entry, where the last line ends.
    line : physical lines, 1-based. offset : bytes into the stream (-1 where it isn't known).
    fields : fields seen. why : a key of ``REASONS``, or 0 for a record that is whole.
    """

    text: bytes
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    line: NDArray[np.int64]
    offset: NDArray[np.int64]
    fields: NDArray[np.int64]
    why: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.stop.size)

    def take(self, low: int, high: int) -> Records:
        """Records ``low`` to ``high - 1``, of the same block."""
        cut = slice(low, high)
        start = self.start[low : high + 1]
        columns = self.stop[cut], self.line[cut], self.offset[cut], self.fields[cut]
        return Records(self.text, start, *columns, self.why[cut])

    def raw(self, row: int) -> str:
        """Text of one record, cut at ``RAW_CHARACTERS``; bytes that aren't UTF-8 are shown as �."""
        a = int(self.start[row])
        b = min(int(self.stop[row]), a + 4 * RAW_CHARACTERS)  # a character takes at most four bytes
        return self.text[a:b].decode("utf-8", "replace")[:RAW_CHARACTERS]

    def joined(self, good: NDArray[np.bool_]) -> bytes | memoryview:
        """The bytes of the records in ``good``, line ends included."""
        edges = np.flatnonzero(np.diff(good.astype(np.int8), prepend=0, append=0))
        view, bounds = memoryview(self.text), self.start[edges].tolist()
        parts = [view[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Framer:
    """Reads a text stream block by block and frames it.

    Parameters
    ----------
    delimiter, quote : one ASCII character each, or None.
    max_lines, max_cell : physical lines and bytes that a quoted cell may span.

    Attributes
    ----------
    lone_cr : a lone CR ends a line. True until the first record has shown how its line ends.
    """

    def __init__(
        self, stream: TextStream, delimiter: str | None, quote: str | None, max_lines: int, max_cell: int
    ) -> None:
        self._stream = stream
        self._marks = (-1 if delimiter is None else ord(delimiter), -1 if quote is None else ord(quote))
        self._limits = (max_lines, max_cell)
        self.lone_cr = True
        self._state = np.array([1, 0, 0], np.int64)
        self._unit = bytes_per_unit(stream.encoding)
        self._offset = stream.mark

    def peek(self, size: int) -> Records:
        """The records that are whole within the next ``size`` bytes, of any width; nothing is passed over."""
        state, offset = self._state.copy(), self._offset
        text = self._stream.read(size)
        records = self._frame(text, len(text) < size, -1, size)
        self._stream.unread(text)
        self._state, self._offset = state, offset
        return records

    def skip(self, records: Records, n: int) -> None:
        """Pass over the first ``n`` of the records just peeked at."""
        self._frame(self._stream.read(int(records.start[n])), True, -1, len(records.text))

    def blocks(self, size: int, width: int, max_record: int) -> Iterator[Records]:
        """Frame the rest of the stream by blocks of ``size`` bytes, grown only for a record longer than that.

        Blank lines at the very end are left out (up to ``_BLANKS``), except where a row is one empty cell.
        """
        rest, final = b"", False
        while not final:
            wanted = max(size, len(rest))
            more = self._stream.read(wanted)
            final = len(more) < wanted
            rest += more
            while rest:
                records = self._hold(self._frame(rest, final, width, max_record), final)
                used = int(self._state[2])
                rest = rest[used:]
                if len(records):
                    yield records
                if not used:
                    break

    def _hold(self, records: Records, final: bool) -> Records:
        """Leave trailing blank lines to the next block, or out when there is none."""
        others = np.flatnonzero(records.why[-_BLANKS:] != kernel.BLANK)
        blanks = min(len(records), _BLANKS) - (int(others[-1]) + 1 if others.size else 0)
        if not blanks:
            return records
        k = len(records) - blanks
        if not final or self._state[2] < len(records.text):
            self._state[:] = records.line[k], 0, records.start[k]
            self._offset = int(records.offset[k])
        return records.take(0, k)

    def _frame(self, text: bytes, final: bool, width: int, max_record: int) -> Records:
        room = min(_RECORDS, len(text))
        start, stop, line, fields = np.empty((4, room), np.int64)
        why = np.empty(room, np.uint8)
        buffer = np.frombuffer(text, np.uint8)
        k = kernel.frame(
            buffer, final, self.lone_cr, *self._marks, width, *self._limits, max_record,
            self._state, start, stop, line, fields, why,
        )  # fmt: skip
        edges = np.append(start[:k], self._state[2])
        return Records(text, edges, stop[:k], line[:k], self._offsets(buffer, edges), fields[:k], why[:k])

    def _offsets(self, buffer: NDArray[np.uint8], edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Offsets in the stream before transcoding, from counting its code units in the UTF-8."""
        if self._stream.encoding == "utf-8":
            offsets = self._offset + edges
        elif self._unit:
            units = ((buffer & 0xC0) != 0x80).astype(np.int8)
            if self._unit == 2:
                units += buffer >= 0xF0  # beyond the basic plane: a pair of surrogates
            before = np.append(np.int32(0), np.cumsum(units, dtype=np.int32))
            offsets = self._offset + self._unit * before[edges].astype(np.int64)
        else:
            return np.full(edges.size - 1, -1, np.int64)
        self._offset = int(offsets[-1])
        return offsets[:-1]
