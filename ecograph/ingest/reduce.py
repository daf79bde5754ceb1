"""From coded events to the tie table: exact, in bounded memory, the same bytes for any order of the events."""

from __future__ import annotations

from contextlib import closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.threads import in_order
from ecograph.ingest.blocks import Blocks
from ecograph.ingest.clusters import Clusters
from ecograph.ingest.encode import Encoder
from ecograph.ingest.layout import Columns
from ecograph.ingest.memory import check_memory
from ecograph.ingest.partial import summed
from ecograph.ingest.periods import Periods
from ecograph.ingest.sums import Plan, Survey
from ecograph.ingest.table import TieTable
from ecograph.ingest.tally import tallied
from ecograph.ties import NO_CLUSTER, Ties

__all__ = ["Reducer"]

_TIE_BYTES = 54  # all columns of ``Ties``; 4 more where there are clusters
_PART = 1 << 22  # events summed at a time: one receiver may have most of them
_LEAST = 1 << 12  # bytes of events held however little memory is left


class Reducer:
    """Takes coded events, gives ties. Use as a context manager: leaving it gives memory and file back.

    Events are held in ``memory_limit`` less what the ids take, the rest on disk; ties and ids must fit.

    Parameters
    ----------
    encoder : gave the codes of providers and receivers.
    every, zone : see ``Periods``.
    memory_limit : bytes.
    clusters : gave the numbers of clusters; None = the events have none.

    Attributes
    ----------
    summed : events in the ties that ``finish`` gave. worthless : those ties whose weight isn't above zero.
    """

    def __init__(
        self, encoder: Encoder, *, every: str | None, zone: str, memory_limit: int, clusters: Clusters | None = None
    ) -> None:
        self._encoder, self._clusters, self._limit = encoder, clusters, memory_limit
        self._periods = Periods(every, zone)
        self._survey = Survey()
        self._blocks = Blocks()
        self.summed = self.worthless = 0

    def __enter__(self) -> Reducer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._blocks.close()

    @property
    def spilled(self) -> int:
        """Events that went through the disk."""
        return self._blocks.spilled

    def add(
        self, provider: NDArray[np.int32], receiver: NDArray[np.int32], relation: NDArray[np.int16],
        mantissa: NDArray[np.int64], scale: NDArray[np.int8], time: NDArray[np.int64],
        cluster: NDArray[np.int32] | None = None,
    ) -> None:  # fmt: skip
        """Take events: codes of the encoder, amount = mantissa / 10**scale (scale -1: a float64's bits)."""
        assert (cluster is None) == (self._clusters is None)
        names = self._names
        check_memory(names, self._limit, f"the ids of {len(self._encoder):,} participants{self._and_clusters}")
        self._survey.add(relation, mantissa, scale)
        columns: Columns = {"provider": provider, "receiver": receiver, "relation": relation, "mantissa": mantissa,
                   "scale": scale, "time": time, "period": self._periods.code(time)}  # fmt: skip
        if cluster is not None:
            columns["cluster"] = cluster
        self._blocks.add(columns, self._encoder.first_bytes[receiver], max(self._limit - names, _LEAST))

    @property
    def _names(self) -> int:
        """Bytes that ids and clusters take."""
        return self._encoder.nbytes + (0 if self._clusters is None else self._clusters.nbytes)

    @property
    def _and_clusters(self) -> str:
        return "" if self._clusters is None else f" and {len(self._clusters):,} clusters"

    def finish(self, rank: NDArray[np.int32], relation_rank: NDArray[np.int16]) -> tuple[Ties, tuple[int | None, ...]]:
        """The ties in canonical order, and the periods.

        Parameters
        ----------
        rank, relation_rank : for each code its row among participants and relations.

        Raises
        ------
        MemoryLimitError : ties and ids take more than ``memory_limit``.
        """
        periods, period_rank = self._periods.finish()
        ranks: Columns = {"provider": rank, "receiver": rank, "relation": relation_rank, "period": period_rank}
        tie_bytes = _TIE_BYTES
        if self._clusters is not None:
            tie_bytes += 4
            ranks["cluster"] = np.append(self._clusters.finish(), np.int32(NO_CLUSTER))  # [-1] is the last entry
        plans = self._survey.plan(1).ranked(relation_rank), self._survey.plan(2).ranked(relation_rank)
        numbers, room = self._blocks.occupied(), min(self._blocks.rows, self._limit // tie_bytes + 1)
        with closing(TieTable(room, self._clusters is not None)) as ties:
            for number, part in zip(numbers, in_order(partial(self._bucket, ranks, plans), numbers), strict=True):
                self._blocks.forget(number)
                n_ties = ties.rows + part["count"].size
                what = f"{len(self._encoder):,} participants{self._and_clusters} and more than {n_ties:,} ties"
                check_memory(self._names + tie_bytes * n_ties, self._limit, what)
                ties.add(part)
            self._blocks.close()
            self.summed, self.worthless = ties.events, ties.worthless
            return Ties(**ties.finish()), periods

    def _bucket(self, ranks: Columns, plans: tuple[Plan, Plan], number: int) -> Columns:
        """The ties of one bucket of receivers, in canonical order."""
        narrow = all(plan.width == 0 for plan in plans)
        rows = self._blocks.rows_of(number, _PART) if narrow else None
        first, end = self._encoder.row_starts[number : number + 2].tolist()
        at_once = None if rows is None else tallied(rows, ranks, plans[0], first, end - 1)
        if at_once is not None:
            return at_once
        parts = self._blocks.bucket(number, _PART)
        return summed((events | {name: rows[events[name]] for name, rows in ranks.items()} for events in parts), plans)
