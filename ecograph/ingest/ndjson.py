"""NDJSON: one JSON object a line, each read or set aside; numbers keep the digits they were written with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from ecograph.cpu.frame import LONE_CR, OK
from ecograph.errors import SourceError
from ecograph.ingest.batch import Batch, Dialect, make_batch
from ecograph.ingest.frame import REASONS, Framer, Records
from ecograph.ingest.quarantine import quarantine
from ecograph.ingest.transcode import TextStream

__all__ = ["LineError", "Ndjson", "cell_text", "parse_line"]

_SAMPLE = 1 << 22
_BLOCK = 1 << 21  # Python objects take about ten times the room of their text
_CELLS_A_LINE = 256


class LineError(ValueError):
    """Why a line can't be taken, in words for the quarantine."""

    def __init__(self, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


class _Number(str):
    """A number as it was written."""


def _refuse(constant: str) -> Any:
    raise LineError("not valid JSON")  # NaN and Infinity aren't


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LineError("a key is given twice")
    return found


_DECODER = json.JSONDecoder(
    parse_int=_Number, parse_float=_Number, parse_constant=_refuse, object_pairs_hook=_object
)  # fmt: skip


def parse_line(line: bytes, encoding: str = "utf-8") -> dict[str, Any]:
    """One line as an object whose numbers are text.

    Raises ``LineError`` where it isn't one JSON object in valid text.
    """
    try:
        found = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise LineError(f"not valid {encoding.upper()}") from None
    except LineError:
        raise
    except (ValueError, RecursionError):
        raise LineError("not valid JSON") from None
    if not isinstance(found, dict):
        raise LineError("not a JSON object")
    return found


def cell_text(value: Any) -> str | None:
    """A value as a cell: text and numbers as written, null as null, the rest as compact JSON.

    Examples
    --------
    >>> found = parse_line(b'{"id": 12345678901234567890, "price": 1.10, "tags": ["a", 2.0], "ok": true}')
    >>> [cell_text(value) for value in found.values()]
    ['12345678901234567890', '1.10', '["a",2.0]', 'true']
    """
    return str(value) if isinstance(value, str) else None if value is None else _json(value)


def _json(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_json(key)}:{_json(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


class Ndjson:
    """A file of JSON lines.

    Attributes
    ----------
    names : keys of the objects in its first 4 MiB, in order of appearance.
    """

    def __init__(self, stream: TextStream, dialect: Dialect) -> None:
        self._stream = stream
        self._longest = dialect.max_cell_bytes * _CELLS_A_LINE
        self._framer = Framer(stream, None, None, dialect.max_cell_lines, dialect.max_cell_bytes)
        self._framer.lone_cr = False
        head = self._framer.peek(_SAMPLE)
        keys: dict[str, None] = {}
        for row in np.flatnonzero(np.isin(head.why, (OK, LONE_CR))).tolist():
            try:
                keys |= dict.fromkeys(parse_line(head.text[head.start[row] : head.stop[row]]))
            except LineError:
                continue
        if not len(head) and len(head.text) < _SAMPLE:
            raise SourceError(f"{stream.name} holds no line.", hint="is it the right file?")
        if not keys:
            hint = f"each line must be one object; of an array: `jq -c '.[]' '{stream.name}' > lines.ndjson`."
            raise SourceError(
                f"{stream.name} isn't JSON lines: no line at its start is an object with keys.", hint=hint
            )
        self.names = tuple(keys)

    def batches(self, columns: Sequence[str], block_bytes: int) -> Iterator[Batch]:
        """Read on, ``columns`` alone; a key that an object doesn't have is null."""
        for records in self._framer.blocks(min(block_bytes, _BLOCK), -1, self._longest):
            yield self._batch(records, columns)

    def _batch(self, records: Records, columns: Sequence[str]) -> Batch:
        rows, cells = [], []
        faults: list[tuple[int, LineError]] = []
        for row, why in enumerate(records.why.tolist()):
            try:
                if why not in (OK, LONE_CR):  # to JSON a CR between values is a blank
                    raise LineError(REASONS[why])
                cells.append(self._row(records.text[records.start[row] : records.stop[row]], columns))
                rows.append(row)
            except LineError as error:
                faults.append((row, error))
        others = np.array([row for row, _ in faults], np.intp)
        bad = quarantine(
            self._stream.name, records.line[others], records.offset[others], [fault.column for _, fault in faults],
            [records.raw(row) for row, _ in faults], [fault.reason for _, fault in faults],
        )  # fmt: skip
        frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String()), orient="row")
        good = np.array(rows, np.intp)
        return make_batch(
            self._stream.name, frame, records.line[good], records.offset[good],
            lambda picked: [records.raw(row) for row in good[picked].tolist()], invalid={}, bad=bad,
        )  # fmt: skip

    def _row(self, line: bytes, columns: Sequence[str]) -> list[str | None]:
        found = parse_line(line, self._stream.encoding)
        try:
            row = [cell_text(found.get(name)) for name in columns]
        except RecursionError:
            raise LineError("not valid JSON") from None
        if b"\\u" in line:  # the one way to write half a surrogate pair
            for name, cell in zip(columns, row, strict=True):
                if cell is not None and not _is_text(cell):
                    raise LineError("half a surrogate pair", name)
        return row


def _is_text(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
