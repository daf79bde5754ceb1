"""Ids of a whole read as codes: each distinct text is looked at once, whatever the number of rows that hold it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ingest.cells import Parsed, Reason
from ecograph.ingest.columns import Mask, Texts, texts_of
from ecograph.ingest.encode import Encoder, Found
from ecograph.ingest.identifiers import STRIPPED, id_texts, is_text, settle
from ecograph.mapping import Mapping

__all__ = ["Codes", "Looked"]

_MISSING = -1


@dataclass
class _Reading:
    """One way to read texts as ids: for each text, coded by ``raw``, the code of its id.

    As long as each text is its own id, ``code`` is empty: it would say nothing.
    """

    raw: Encoder
    looked: int = 0
    code: NDArray[np.int32] | None = None
    stripped: Mask = field(default_factory=lambda: np.empty(0, np.bool_))

    def learn(self, code: NDArray[np.int32], stripped: Mask) -> None:
        """What the texts looked at last are."""
        if self.code is None:
            self.code, self.stripped = np.arange(self.looked, dtype=np.int32), np.zeros(self.looked, np.bool_)
        self.code, self.stripped = np.concatenate([self.code, code]), np.concatenate([self.stripped, stripped])


@dataclass(frozen=True)
class Looked:
    """A column of ids before any of them is numbered; ``found`` is None where nothing was asked yet."""

    textual: bool
    texts: Texts
    notices: dict[str, Mask]
    found: Found | None


class Codes:
    """Codes of ids, and which of them good events name.

    Texts are coded as they stand, then each new one is read as an id (stripped, folded, prefixed, or missing). Where
    ids have no prefix a text that is its own id has one code for both, in ``encoder``, which then also knows texts
    that are no participant's id: those are left out by ``finish``.

    Examples
    --------
    >>> codes = Codes(Mapping.default(["provider", "receiver"]))
    >>> codes.read(pl.Series(["ani", " ani", "", "budi"])).values
    array([ 0,  0, -1,  3], dtype=int32)
    >>> codes.name(np.array([0, 3], np.int32))
    >>> len(codes), codes.finish()[0].to_list()
    (2, ['budi', 'ani'])
    """

    def __init__(self, mapping: Mapping) -> None:
        self.encoder = Encoder()
        self._mapping = mapping
        self._readings: dict[tuple[str, bool], _Reading] = {}
        self._named = np.zeros(0, np.bool_)
        self._all_named = 0  # codes below it are named

    def __len__(self) -> int:
        """How many ids are named."""
        return int(np.count_nonzero(self._named))

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        readings = self._readings.values()
        own = sum(it.raw.nbytes for it in readings if it.raw is not self.encoder)
        own += sum(5 * it.looked for it in readings if it.code is not None)
        return self.encoder.nbytes + self._named.nbytes + own

    def constant(self, text: str, rows: int) -> NDArray[np.int32]:
        """The code of one id, in all rows."""
        return np.repeat(self.encoder.encode(pl.Series([text])), rows)

    def look_up(self, column: pl.Series | Texts, prefix: str = "") -> Looked:
        """The texts of a column, and which of them are known. Any thread may ask, while another reads too."""
        if isinstance(column, Texts):
            textual, texts, notices = True, column, dict[str, Mask]()
        else:
            textual = is_text(column)
            series, notices = id_texts(column)
            texts = texts_of(series)
        reading = self._readings.get((prefix, textual))
        found = None if reading is None else reading.raw.look_up(texts.data, texts.offsets)
        return Looked(textual, texts, notices, found)

    def read(self, column: pl.Series | Texts | Looked, prefix: str = "") -> Parsed[NDArray[np.int32]]:
        """The code of each row's id, -1 (reason ID_MISSING) where it is missing; see ``read_ids``."""
        looked = column if isinstance(column, Looked) else self.look_up(column, prefix)
        textual, texts, notices = looked.textual, looked.texts, dict(looked.notices)
        reading = self._reading(prefix, textual)
        raw = reading.raw.encode_texts(texts.data, texts.offsets, looked.found)
        self._look(reading, prefix, textual)
        codes = raw if reading.code is None else reading.code[raw]
        if texts.missing is not None:
            codes[texts.missing] = _MISSING
        if reading.stripped.any():
            notices[STRIPPED] = reading.stripped[raw] & (codes >= 0)
        reason = np.where(codes < 0, Reason.ID_MISSING, Reason.FINE).astype(np.uint8)
        return Parsed(codes, reason, notices)

    def name(self, codes: NDArray[np.int32]) -> None:
        """Good events name the ids of these codes."""
        if self._named.size < len(self.encoder):
            grown = np.zeros(max(len(self.encoder), 2 * self._named.size), np.bool_)
            grown[: self._named.size] = self._named
            self._named = grown
        self._named[codes[codes >= self._all_named]] = True  # mostly few: new ids are named at once
        rest = self._named[self._all_named : len(self.encoder)]
        self._all_named += rest.size if rest.all() else int(rest.argmin())

    def add(self, ids: pl.Series) -> int:
        """Name more ids; how many of them no event names."""
        before = len(self)
        self.name(self.encoder.encode(ids))
        return len(self) - before

    def finish(self) -> tuple[pl.Series, NDArray[np.int32]]:
        """The ids named, in canonical order, and for each code its row among them; the codes are used up."""
        self._readings.clear()
        self.name(np.empty(0, np.int32))
        found = self.encoder.finish(self._named[: len(self.encoder)])
        self.encoder.close()
        return found

    def _reading(self, prefix: str, textual: bool) -> _Reading:
        if (prefix, textual) not in self._readings:
            self._readings[prefix, textual] = _Reading(Encoder() if prefix else self.encoder)
        return self._readings[prefix, textual]

    def _look(self, reading: _Reading, prefix: str, textual: bool) -> None:
        """Read the texts that are new; those that this adds to the encoder are looked at next time, and stay."""
        first, n = reading.looked, len(reading.raw)
        simple = reading.raw is self.encoder and not self._mapping.casefold and not any(self._mapping.null_values)
        code, stripped = np.arange(first, n, dtype=np.int32), np.zeros(n - first, np.bool_)
        doubtful = code[~reading.raw.bare(first)] if simple else code.copy()  # the rest need no mending
        own = True
        if doubtful.size:
            texts = reading.raw.texts(doubtful)
            ids, changed = settle(texts, self._mapping, prefix, textual=textual)
            own = reading.raw is self.encoder and bool((ids == texts).fill_null(False).all())
            told = ids.is_not_null().to_numpy()
            code[doubtful - first] = _MISSING
            code[doubtful[told] - first] = self.encoder.encode(ids.drop_nulls())
            stripped[doubtful - first] = False if changed is None else changed
        if reading.code is not None or not own:
            reading.learn(code, stripped)
        reading.looked = n
