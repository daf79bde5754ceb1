"""The rows of one batch while a mapping reads them: each column once, the first reason against each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ingest.amounts import Decimals, read_amounts
from ecograph.ingest.cells import Parsed, Reason, clean
from ecograph.ingest.codes import Looked
from ecograph.ingest.columns import Columns, Mask, Texts
from ecograph.ingest.filters import passes
from ecograph.ingest.identifiers import read_ids
from ecograph.ingest.times import read_times
from ecograph.ingest.watch import Watch
from ecograph.mapping import Amount, Endpoint, Filter, Mapping, TieRule, Time
from ecograph.ties import NO_TIME

__all__ = ["Rows"]

T = TypeVar("T")
_NO_CLUSTER = "rows without a cluster, whose events stand each by itself"


class Rows:
    """Columns are parsed whole and once; a reason or a notice counts only on the rows where a rule applies.

    Attributes
    ----------
    reason : the first ``Reason`` against each row.
    column : which of ``columns`` it is about.
    """

    def __init__(self, table: Columns, mapping: Mapping, watch: Watch) -> None:
        self.table, self.mapping, self.watch = table, mapping, watch
        self.reason = np.zeros(table.height, np.uint8)
        self.column = np.zeros(table.height, np.int16)
        self.columns: list[str | None] = []
        self._noticed: dict[str, Mask] = {}
        self._read: dict[Hashable, Any] = {}

    def ahead(self) -> Rows:
        """Read what hangs on no other batch: any thread may, while another is at work on batches before this one."""
        for rule in self.mapping.ties:
            for endpoint in rule.endpoints:
                if endpoint.column is not None:
                    self._looked(endpoint.column, endpoint.id_prefix)
            self._parsed(rule.amount)
            if (time := self.mapping.time_of(rule)) is not None:
                self._instants(time)
        return self

    def select(self, filters: tuple[Filter, ...], among: Mask) -> Mask:
        """The rows among these that pass all filters; a row with a cell that can't be compared passes, and is bad."""
        unclear = []
        for test in filters:
            key = ("filter", test.column, test.op, repr(test.value))
            passing, doubtful = self._once(key, partial(passes, self.table, test, self.mapping))
            among = among & passing
            unclear.append((test.column, doubtful))
        for column, doubtful in unclear:
            self._blame(among, np.where(doubtful, Reason.NOT_COMPARABLE, Reason.FINE), column)
        return among

    def ids(self, endpoint: Endpoint, applies: Mask, missing: Reason) -> NDArray[np.int32]:
        """Codes of the ids at one end, -1 where one is missing, ``missing`` against its row (FINE: nothing)."""
        if endpoint.constant is not None:
            return self.watch.codes.constant(endpoint.constant, self.table.height)
        assert endpoint.column is not None  # Endpoint checks
        column, prefix = endpoint.column, endpoint.id_prefix
        looked = self._looked(column, prefix)
        parsed = self._once(("id", column, prefix), lambda: self.watch.codes.read(looked, prefix))
        self._blame(applies, np.where(parsed.reason != Reason.FINE, missing, Reason.FINE), column)
        self._notice(applies, parsed, column)
        return parsed.values

    def relations(self, rule: TieRule, applies: Mask) -> NDArray[np.int16]:
        """The number of each row's relation; the rule's own where a cell is missing."""
        if rule.relation_column is None:
            return np.full(self.table.height, self.watch.code(rule.relation), np.int16)
        names = clean(self.table[rule.relation_column], self.mapping).cast(pl.String).fill_null(rule.relation)
        met = names.filter(applies).unique(maintain_order=True).to_list()
        codes = [self.watch.code(name) for name in met]
        return names.replace_strict(met, codes, default=-1, return_dtype=pl.Int16).to_numpy()

    def amounts(self, amount: Amount, applies: Mask) -> Decimals:
        """Amounts; for a divisor that is none the divisor's column is blamed."""
        if amount.column is not None and not amount.said:  # once a batch, however many rules read the column
            self._once(("look", amount.column, amount.currency), partial(self._look, amount, amount.column))
        parsed = self._parsed(amount)
        by_divisor = parsed.reason == Reason.DIVISOR
        self._blame(applies, np.where(by_divisor, Reason.FINE, parsed.reason), amount.column)
        divisor = amount.divide_by if isinstance(amount.divide_by, str) else None
        self._blame(applies & by_divisor, parsed.reason, divisor)
        self._notice(applies, parsed, amount.column or divisor)
        return parsed.values

    def times(self, time: Time | None, applies: Mask) -> NDArray[np.int64]:
        """Microseconds since 1970 UTC, NO_TIME where the mapping names no time."""
        if time is None:
            return np.full(self.table.height, NO_TIME)
        parsed = self._instants(time)
        self._blame(applies, parsed.reason, time.column)
        self._notice(applies, parsed, time.column)
        return parsed.values

    def clusters(self, good: Mask) -> pl.Series | None:
        """Name of each row's cluster, null where it is missing; None where the mapping names no column."""
        by = self.mapping.cluster
        if by is None or by == "row":
            return None
        parsed = read_ids(self.table[by], self.mapping)
        self._notice(good, parsed, by)
        self._notice(good, Parsed(None, self.reason, {_NO_CLUSTER: parsed.values.is_null().to_numpy()}), by)
        return parsed.values

    def count(self, good: Mask) -> Counter[str]:
        """How many good rows each notice is about."""
        return Counter({text: int(np.count_nonzero(mask & good)) for text, mask in self._noticed.items()})

    def _looked(self, column: str, prefix: str) -> Looked:
        return self._once(("text", column, prefix), lambda: self.watch.codes.look_up(self.table.given(column), prefix))

    def _parsed(self, amount: Amount) -> Parsed[Decimals]:
        return self._once(("amount", amount), lambda: read_amounts(self.table, amount, self.mapping))

    def _instants(self, time: Time) -> Parsed[NDArray[np.int64]]:
        return self._once(("time", time), lambda: read_times(self.table, time, self.mapping))

    def _look(self, amount: Amount, column: str) -> None:
        given = self.table.given(column)
        bare = isinstance(given, Texts) and given.missing is None and not any(self.mapping.null_values)
        if isinstance(given, Texts) and bare and not amount.currency and self.watch.look_at_bytes(amount, given):
            return
        texts = clean(self.table[column], self.mapping)
        if texts.dtype == pl.String:
            self.watch.look(amount, texts)

    def _once(self, key: Hashable, read: Callable[[], T]) -> T:
        if key not in self._read:
            self._read[key] = read()
        found: T = self._read[key]
        return found

    def _blame(self, applies: Mask, reason: NDArray[Any], column: str | None) -> None:
        new = applies & (reason != Reason.FINE) & (self.reason == Reason.FINE)
        if new.any():
            self.columns.append(column)
            self.reason[new] = reason[new]
            self.column[new] = len(self.columns) - 1

    def _notice(self, applies: Mask, parsed: Parsed[Any], column: str | None) -> None:
        for words, mask in parsed.notices.items():
            if not mask.any():
                continue
            text = words if column is None else f"{column}: {words}"
            self._noticed[text] = self._noticed.get(text, False) | (mask & applies)
