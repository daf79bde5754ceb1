"""Ids of a whole read as codes: each distinct text is looked at once, whatever the number of rows that hold it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ingest.cells import Parsed, Reason
from ecograph.ingest.columns import Mask, Texts, texts_of
from ecograph.ingest.encode import Encoder
from ecograph.ingest.identifiers import STRIPPED, id_texts, is_text, settle
from ecograph.mapping import Mapping

__all__ = ["Codes"]

_MISSING = -1


@dataclass
class _Reading:
    """One way to read texts as ids: for each text, coded by ``raw``, the code of its id."""

    raw: Encoder
    code: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    stripped: Mask = field(default_factory=lambda: np.empty(0, np.bool_))
    plain: bool = True  # so far each text is its own id


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

    def __len__(self) -> int:
        """How many ids are named."""
        return int(np.count_nonzero(self._named))

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        own = sum(5 * it.code.size + (0 if it.raw is self.encoder else it.raw.nbytes) for it in self._readings.values())
        return self.encoder.nbytes + self._named.nbytes + own

    def constant(self, text: str, rows: int) -> NDArray[np.int32]:
        """The code of one id, in all rows."""
        return np.repeat(self.encoder.encode(pl.Series([text])), rows)

    def read(self, column: pl.Series | Texts, prefix: str = "") -> Parsed[NDArray[np.int32]]:
        """The code of each row's id, -1 (reason ID_MISSING) where it is missing; see ``read_ids``."""
        if isinstance(column, Texts):
            textual, texts, notices = True, column, dict[str, Mask]()
        else:
            textual = is_text(column)
            series, notices = id_texts(column)
            texts = texts_of(series)
        reading = self._reading(prefix, textual)
        raw = reading.raw.encode_texts(texts.data, texts.offsets)
        self._look(reading, prefix, textual)
        codes = raw if reading.plain else reading.code[raw]
        if texts.missing is not None:
            codes[texts.missing] = _MISSING
        if not reading.plain and reading.stripped.any():
            notices[STRIPPED] = reading.stripped[raw] & (codes >= 0)
        reason = np.where(codes < 0, Reason.ID_MISSING, Reason.FINE).astype(np.uint8)
        return Parsed(codes, reason, notices)

    def name(self, codes: NDArray[np.int32]) -> None:
        """Good events name the ids of these codes."""
        if self._named.size < len(self.encoder):
            grown = np.zeros(max(len(self.encoder), 2 * self._named.size), np.bool_)
            grown[: self._named.size] = self._named
            self._named = grown
        self._named[codes] = True

    def add(self, ids: pl.Series) -> int:
        """Name more ids; how many of them no event names."""
        before = len(self)
        self.name(self.encoder.encode(ids))
        return len(self) - before

    def finish(self) -> tuple[pl.Series, NDArray[np.int32]]:
        """The ids named, in canonical order, and for each code its row among them; readings are given back."""
        self._readings.clear()
        self.name(np.empty(0, np.int32))
        return self.encoder.finish(self._named[: len(self.encoder)])

    def _reading(self, prefix: str, textual: bool) -> _Reading:
        if (prefix, textual) not in self._readings:
            self._readings[prefix, textual] = _Reading(Encoder() if prefix else self.encoder)
        return self._readings[prefix, textual]

    def _look(self, reading: _Reading, prefix: str, textual: bool) -> None:
        """Read the texts that are new; those that this adds to the encoder are looked at next time, and stay."""
        first, n = reading.code.size, len(reading.raw)
        if first == n:
            return
        code, stripped = np.arange(first, n, dtype=np.int32), np.zeros(n - first, np.bool_)
        simple = reading.raw is self.encoder and not self._mapping.casefold and not any(self._mapping.null_values)
        doubtful = code[~reading.raw.bare(first)] if simple else code  # the others are neither blank nor to be stripped
        if doubtful.size:
            texts = reading.raw.texts(doubtful)
            ids, changed = settle(texts, self._mapping, prefix, textual=textual)
            if reading.raw is not self.encoder or not (ids == texts).fill_null(False).all():
                reading.plain = False
                told = ids.is_not_null().to_numpy()
                code[doubtful - first] = _MISSING
                code[doubtful[told] - first] = self.encoder.encode(ids.drop_nulls())
                stripped[doubtful - first] = False if changed is None else changed
        reading.code = np.concatenate([reading.code, code])
        reading.stripped = np.concatenate([reading.stripped, stripped])
