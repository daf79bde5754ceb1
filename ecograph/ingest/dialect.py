"""How is a text file written: encoding, delimiter, quote, header?

Each candidate is tried on the head of the file by the same framing that will read all of it, so the evidence says
how many records that reading would have kept.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecograph.errors import SourceError
from ecograph.ingest.batch import Dialect
from ecograph.ingest.encoding import detect_encoding
from ecograph.ingest.evidence import Evidence, samples
from ecograph.ingest.frame import Framer, Records
from ecograph.ingest.source import Source
from ecograph.ingest.transcode import TextStream

__all__ = ["detect_dialect", "stored_head"]

HEAD = 1 << 20
_ROWS = 1000
_LONGEST = 100_000  # below the csv module's own limit for a field
_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_QUOTED_WITHIN = 1 << 16
_IN_SINGLE_QUOTES = re.compile(rb"(?m)(?:^|[,;|\t])'[^'\r\n]*'(?=[,;|\t\r\n])")  # a whole cell: no apostrophe is
_NUMBER = re.compile(r"[-+(]?\W{0,2}\d[\d.,' \u00a0]*([eE][-+]?\d+)?[)%]?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?")
_WORD = re.compile(r"[\w-]*")


@dataclass(frozen=True)
class _Trial:
    """The head of a file, read with one delimiter and one quote."""

    delimiter: str
    quote: str | None
    rows: list[list[str]]
    framed: int
    fitting: int

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def merit(self) -> tuple[float, float, int]:
        """Records that fit; then cells that are one thing (in ``1,5;2`` a comma makes ``5;2``); then columns."""
        cells = [cell for row in self.rows[1:100] for cell in row]
        whole = sum(bool(_WORD.fullmatch(c) or _is_value(c)) for c in cells) / max(len(cells), 1)
        share = self.fitting / max(self.framed, 1)
        return round(share, 2), round(whole, 2), self.width


def detect_dialect(source: Source) -> tuple[Dialect, tuple[Evidence, ...]]:
    """The dialect of a text source and what speaks for it.

    Raises
    ------
    SourceError : no delimiter splits it into two or more columns.
    """
    assert source.path is not None
    head = stored_head(source.path, packed=source.packed)
    encoding, seen = detect_encoding(head)
    evidence = [seen]
    if source.format == "ndjson":
        return Dialect(encoding=encoding), (seen,)
    with TextStream(source.path, source.name, packed=source.packed, encoding=encoding) as stream:
        trials = _trials(stream)
    best = max(trials, key=lambda trial: trial.merit)
    if best.width < 2:
        hint = "is it a table? ecograph reads text with one of , ; tab | between its cells, Parquet, Arrow and NDJSON."
        raise SourceError(f"{source.name}: nothing splits its lines into the same number of columns.", hint=hint)
    header, why = _header(best.rows)
    evidence += [_on_delimiter(best), *_on_quote(best, trials), why]
    usual = {"csv": ",", "tsv": "\t"}[source.format]
    return Dialect(
        delimiter=None if best.delimiter == usual else best.delimiter,
        quote=best.quote,
        encoding=encoding,
        header=header,
        columns=None if header else tuple(f"column_{i}" for i in range(1, best.width + 1)),
    ), tuple(evidence)


def stored_head(path: Path, *, packed: bool) -> bytes:
    """The first bytes of a file, unpacked."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise SourceError(f"can't open {path}: {error.strerror}.") from None
    try:
        return zlib.decompressobj(31).decompress(head, HEAD) if packed else head
    except zlib.error:
        raise SourceError(
            f"{path} is damaged gzip.", hint="fetch it again: its first bytes can't be unpacked."
        ) from None


def _trials(stream: TextStream) -> list[_Trial]:
    """Every delimiter with every quote; of equals the first wins, so the usual quote comes first."""
    head = stream.read(_QUOTED_WITHIN)
    stream.unread(head)
    single = "'" if 10 * len(_IN_SINGLE_QUOTES.findall(head)) > head.count(b"\n") else None
    quotes = ['"', None, single] if single else ['"', None]
    return [_try(stream, delimiter, quote) for quote in quotes for delimiter in _DELIMITERS]


def _try(stream: TextStream, delimiter: str, quote: str | None) -> _Trial:
    limits = Dialect()
    framer = Framer(stream, delimiter, quote, limits.max_cell_lines, limits.max_cell_bytes)
    records = framer.peek(HEAD)
    records = records.take(0, min(len(records), _ROWS + 1))
    whole = np.flatnonzero(records.why == 0)
    if not whole.size:
        return _Trial(delimiter, quote, [], len(records), 0)
    widths = Counter(records.fields[whole].tolist())
    width = max(widths, key=lambda w: (widths[w], w))
    fitting = widths[width] if records.fields[whole[0]] == width else widths[width] // 2  # a header must fit its rows
    rows = [_cells(records, int(row), delimiter, quote) for row in whole[records.fields[whole] == width]]
    return _Trial(delimiter, quote, [row for row in rows if len(row) == width], len(records), fitting)


def _cells(records: Records, row: int, delimiter: str, quote: str | None) -> list[str]:
    text = records.text[int(records.start[row]) : int(records.stop[row])].decode("utf-8", "replace")
    if len(text) > _LONGEST:
        return []
    if quote is None:
        return text.split(delimiter)
    return next(csv.reader([text], delimiter=delimiter, quotechar=quote), [])


def _on_delimiter(best: _Trial) -> Evidence:
    seen = f"{best.fitting:,} of the first {best.framed:,} records have {best.width} fields"
    return Evidence("dialect", f"delimiter {_DELIMITERS[best.delimiter]}", seen)


def _on_quote(best: _Trial, trials: list[_Trial]) -> list[Evidence]:
    if best.quote == '"':
        return []
    usual = next(t for t in trials if t.delimiter == best.delimiter and t.quote == '"')
    guess = "no quotes" if best.quote is None else f"quote {best.quote}"
    return [Evidence("dialect", guess, f'with " as the quote {usual.fitting:,} of {usual.framed:,} records fit')]


# -- the header ---------------------------------------------------------------------------------------------


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def _header(rows: list[list[str]]) -> tuple[bool, Evidence]:
    """Whether the first record names the columns: names are no values, and don't come back below."""
    first, below = rows[0], rows[1:]
    shown = samples(first)
    if values := [cell for cell in first if _is_value(cell.strip())]:
        return False, Evidence("dialect", "no header", "the first record holds values", samples(values))
    columns = list(zip(*below, strict=True)) if below else []
    if any(column and sum(map(_is_value, column)) > len(column) / 2 for column in columns):
        return True, Evidence("dialect", "header", "the first record holds names above columns of values", shown)
    again = [name for name, column in zip(first, columns, strict=False) if name and name in column]
    if again:
        return False, Evidence("dialect", "no header", "cells of the first record come again below", samples(again))
    return True, Evidence("dialect", "header", "no cell of the first record comes again below it", shown)
