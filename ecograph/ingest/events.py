"""From the rows of a batch to events: one tie-event a rule that a good row passes, two with ``via``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ingest.amounts import Decimals
from ecograph.ingest.attributes import UNREADABLE, attribute_schema, describe
from ecograph.ingest.cells import PHRASES, Mask, Reason
from ecograph.ingest.codes import Codes
from ecograph.ingest.quarantine import quarantine
from ecograph.ingest.rows import Rows
from ecograph.ingest.source import Batch
from ecograph.ingest.watch import Watch
from ecograph.mapping import Mapping, TieRule

__all__ = ["EventBatch", "events"]

_SELF_TIES = "self-ties kept, outside every lens"


@dataclass(frozen=True)
class EventBatch:
    """The tie-events of a batch, one entry an event, and what became of each row.

    Attributes
    ----------
    provider_code, receiver_code : ids, as numbered by ``codes``.
    relation : numbers given by the read's ``Watch``; ``Watch.finish`` tells what they stand for.
    mantissa, scale : amount = mantissa / 10**scale; scale -1: the mantissa holds the bits of a float64.
    time : microseconds since 1970 UTC, or NO_TIME.
    attributes : id, role and the attributes the mapping names, distinct rows.
    row : the row of ``batch.frame`` that gave the event.
    cluster : name of the event's cluster, null where it has none; None where no column tells.
    good, filtered, bad : every row framed is one of the three: good + filtered + bad.height = batch.framed
        (``bad`` holds the batch's own bad rows too).
    notices : "column: what was done" -> number of good rows (of events, for self-ties).
    """

    provider_code: NDArray[np.int32]
    receiver_code: NDArray[np.int32]
    codes: Codes
    relation: NDArray[np.int16]
    mantissa: NDArray[np.int64]
    scale: NDArray[np.int8]
    time: NDArray[np.int64]
    attributes: pl.DataFrame
    row: NDArray[np.int64]
    cluster: pl.Series | None
    good: int
    filtered: int
    bad: pl.DataFrame
    notices: Counter[str]

    def __len__(self) -> int:
        return int(self.row.size)

    @property
    def provider(self) -> pl.Series:
        """The id of each event's provider."""
        return self.codes.encoder.texts(self.provider_code).rename("provider")

    @property
    def receiver(self) -> pl.Series:
        """The id of each event's receiver."""
        return self.codes.encoder.texts(self.receiver_code).rename("receiver")


def events(batch: Batch, mapping: Mapping, watch: Watch, ahead: Rows | None = None) -> EventBatch:
    """Turn rows into events: a row is good or bad as a whole, and a good row gives a tie for each rule it passes.

    ``ahead`` : the batch's rows, where some of what is in them was read already.

    Raises
    ------
    AmbiguityError : see ``Watch``.  MappingError : float ids that aren't whole; a filter that can't compare.
    """
    rows = ahead or Rows(batch.table, mapping, watch)
    kept = rows.select(mapping.where, np.ones(batch.table.height, np.bool_))
    drafts = [_draft(rule, rows, kept) for rule in mapping.ties]
    tried = np.logical_or.reduce([draft.applies for draft in drafts])
    bad = rows.reason != Reason.FINE
    good = tried & ~bad
    parts = [part for draft in drafts for part in draft.emit(good)]
    clusters = rows.clusters(good)
    attributes, unreadable = _attributes(rows, drafts, good)
    whole = parts[0] if len(parts) == 1 else _Part._make(map(np.concatenate, zip(*parts, strict=True)))
    itself = int(np.count_nonzero(whole.provider == whole.receiver))
    return EventBatch(
        provider_code=whole.provider,
        receiver_code=whole.receiver,
        codes=watch.codes,
        relation=whole.relation,
        mantissa=whole.mantissa,
        scale=whole.scale,
        time=whole.time,
        attributes=attributes,
        row=whole.row,
        cluster=None if clusters is None else clusters.gather(whole.row),
        good=int(np.count_nonzero(good)),
        filtered=int(np.count_nonzero(~tried & ~bad)),
        bad=_set_aside(batch, rows),
        notices=+(rows.count(good) + Counter({_SELF_TIES: itself, UNREADABLE: unreadable})),
    )


class _Part(NamedTuple):
    """Events of one kind, not yet joined to the others."""

    provider: NDArray[np.int32]
    receiver: NDArray[np.int32]
    relation: NDArray[np.int16]
    mantissa: NDArray[np.int64]
    scale: NDArray[np.int8]
    time: NDArray[np.int64]
    row: NDArray[np.int64]


@dataclass(frozen=True)
class _Draft:
    """A rule's reading of all rows, before it is known which are good."""

    rule: TieRule
    applies: Mask
    ids: tuple[NDArray[np.int32], ...]
    relation: NDArray[np.int16]
    amount: Decimals
    time: NDArray[np.int64]

    def emit(self, good: Mask) -> list[_Part]:
        """Provider -> receiver where nobody orchestrated; else provider -> via and via -> receiver."""
        rows = self.applies & good
        provider, receiver, *via = self.ids
        if not via:
            return [self._part(provider, receiver, rows)]
        led = via[0] >= 0
        return [self._part(provider, receiver, rows & ~led), self._part(provider, via[0], rows & led),
                self._part(via[0], receiver, rows & led)]  # fmt: skip

    def _part(self, provider: NDArray[np.int32], receiver: NDArray[np.int32], mask: Mask) -> _Part:
        columns: tuple[NDArray[Any], ...] = provider, receiver, self.relation, *self.amount, self.time
        row = np.flatnonzero(mask).astype(np.int64, copy=False)
        if row.size < mask.size:
            columns = tuple(column[row] for column in columns)
        return _Part._make((*columns, row))


def _draft(rule: TieRule, rows: Rows, kept: Mask) -> _Draft:
    """Read what the rule asks for; a row's first reason counts where the rule applies."""
    applies = rows.select(rule.where, kept)
    provider = rows.ids(rule.provider, applies, Reason.PROVIDER_MISSING)
    receiver = rows.ids(rule.receiver, applies, Reason.RECEIVER_MISSING)
    via = () if rule.via is None else (rows.ids(rule.via, applies, Reason.FINE),)
    relation = rows.relations(rule, applies)
    amount = rows.amounts(rule.amount, applies)
    time = rows.times(rows.mapping.time_of(rule), applies)
    return _Draft(rule, applies, (provider, receiver, *via), relation, amount, time)


def _attributes(rows: Rows, drafts: list[_Draft], good: Mask) -> tuple[pl.DataFrame, int]:
    """Distinct rows of what good rows say about participants, and how often a number among it made no sense."""
    schema = attribute_schema(tuple(end for draft in drafts for end in draft.rule.endpoints))
    found, unreadable = [pl.DataFrame(schema=schema)], 0
    for draft in drafts:
        picked = np.flatnonzero(draft.applies & good)
        for endpoint, ids in zip(draft.rule.endpoints, draft.ids, strict=True):
            if endpoint.role is not None or endpoint.role_column is not None or endpoint.attributes:
                names = rows.watch.codes.encoder.texts(ids[picked])
                told, failed = describe(rows.table.frame[picked], names, endpoint, rows.mapping, schema)
                found.append(told.filter(pl.col("id").is_not_null()).unique(maintain_order=True))
                unreadable += failed
    return pl.concat(found).unique(maintain_order=True), unreadable


def _set_aside(batch: Batch, rows: Rows) -> pl.DataFrame:
    """The batch's own bad rows and ours, by line."""
    picked = np.flatnonzero(rows.reason != Reason.FINE)
    if not picked.size:
        return batch.bad
    reasons = [PHRASES[Reason(code)] for code in rows.reason[picked]]
    columns = [rows.columns[code] for code in rows.column[picked]]
    ours = quarantine(batch.source, batch.line[picked], batch.offset[picked], columns, batch.raw(picked), reasons)
    return pl.concat([batch.bad, ours]).sort("line", maintain_order=True)
