"""What one whole read must remember between batches: ids, relations met, amounts that could mean two things."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.point_text import ASK, GROUPED, NONE, points
from ecograph.errors import AmbiguityError, MappingError
from ecograph.ingest.codes import Codes
from ecograph.ingest.columns import Texts
from ecograph.mapping import Amount, Mapping
from ecograph.schema import Relation

__all__ = ["Watch"]

EARLY = 1000
_Key: TypeAlias = tuple[str, str | None]  # an amount column and the currency taken off its texts
_GROUPS = r"^[1-9]\d{0,2}(\.\d{3})+$"  # 0.125 can't be grouped: no thousands mark follows a zero


class Watch:
    """Made once for a read, passed to ``events`` with each batch, asked to ``finish`` at its end.

    **Amounts.** Where the mapping leaves decimal and thousands open and, among the texts with a point in an
    amount column, more than half look like ``20.000``, nobody but the user knows whether that is 20 or 20,000.
    Decided on the first 1,000 texts with a point as soon as they have passed, and on all of them at the end:
    neither depends on where batches begin.

    **Ids.** ``codes`` numbers them.

    **Relations.** The mapping's come first, sorted; names that only data give get the next numbers as they come.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self.codes = Codes(mapping)
        self._codes = {relation.name: code for code, relation in enumerate(mapping.relations)}
        self._pointed: Counter[_Key] = Counter()
        self._grouped: Counter[_Key] = Counter()
        self._examples: dict[_Key, list[str]] = {}

    def code(self, relation: str) -> int:
        """The number that stands for a relation in ``EventBatch.relation``."""
        if len(self._codes) > np.iinfo(np.int16).max:
            raise MappingError("the relation column holds more than 32,767 names: it looks like a column of ids.")
        return self._codes.setdefault(relation, len(self._codes))

    def look(self, amount: Amount, texts: pl.Series) -> None:
        """Count the texts of an amount column (nulls don't count); raise as soon as 1,000 decide."""
        bare = texts.str.replace_all(amount.currency or "\0", "", literal=True).str.strip_chars("+-() \u00a0")
        pointed = bare.str.contains(".", literal=True).fill_null(False)
        grouped = bare.filter(pointed).str.contains(_GROUPS)
        key = texts.name, amount.currency
        self._show(key, texts.filter(pointed).filter(grouped))
        self._count(key, grouped.to_numpy())

    def look_at_bytes(self, amount: Amount, texts: Texts) -> bool:
        """The same for a column without nulls, of amounts without a currency; False: it must be looked at as text."""
        found = points(texts.data, texts.offsets)
        if (found == ASK).any():
            return False
        grouped = found[found != NONE] == GROUPED
        key = str(amount.column), amount.currency
        if grouped.any():
            self._show(key, texts.series.filter(pl.Series(found == GROUPED)))
        self._count(key, grouped)
        return True

    def _count(self, key: _Key, grouped: NDArray[np.bool_]) -> None:
        """Of texts with a point, in their order: whether each is grouped."""
        before = self._pointed[key]
        if before < EARLY <= before + grouped.size:
            self._decide(key, EARLY, self._grouped[key] + int(np.count_nonzero(grouped[: EARLY - before])))
        self._pointed[key] += grouped.size
        self._grouped[key] += int(np.count_nonzero(grouped))

    def finish(self) -> tuple[tuple[Relation, ...], NDArray[np.int16]]:
        """(relations sorted by name, rank): ``rank[code]`` is the row of the relation numbered ``code``.

        Raises
        ------
        AmbiguityError : an amount column could be read in two ways.
        """
        for key, pointed in self._pointed.items():
            self._decide(key, pointed, self._grouped[key])
        names = sorted(self._codes)
        rank = np.empty(len(names), np.int16)
        rank[[self._codes[name] for name in names]] = np.arange(len(names), dtype=np.int16)
        return tuple(self._mapping.relation_of(name) for name in names), rank

    def _show(self, key: _Key, texts: pl.Series) -> None:
        shown = self._examples.setdefault(key, [])
        if len(shown) < 3:
            new = [text for text in texts.unique(maintain_order=True).head(6) if text not in shown]
            shown += new[: 3 - len(shown)]

    def _decide(self, key: _Key, pointed: int, grouped: int) -> None:
        if 2 * grouped > pointed:
            column, shown = key[0], ", ".join(repr(text[:40]) for text in self._examples[key])
            raise AmbiguityError(
                f"the amounts in {column!r} can be read in two ways: of {pointed:,} with a point {grouped:,} look like"
                f" thousands ({shown}), so that 20.000 may be 20 or 20,000.",
                hint=f'write amount = {{ column = "{column}", thousands = "." }} for 20,000,'
                f' or amount = {{ column = "{column}", decimal = "." }} for 20',
            )
