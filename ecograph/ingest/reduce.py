"""From coded events to the tie table: exact, in bounded memory, the same bytes for any order of the events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.sorting import radix_order
from ecograph.ingest.blocks import Blocks, Columns
from ecograph.ingest.clusters import Clusters
from ecograph.ingest.encode import Encoder
from ecograph.ingest.memory import check_memory
from ecograph.ingest.pairs import Pairs
from ecograph.ingest.periods import Periods
from ecograph.ingest.sums import Sums, Survey
from ecograph.order import cluster_key, tie_keys
from ecograph.ties import NO_CLUSTER, Ties

__all__ = ["Reducer"]

_TIE_BYTES = 54  # all columns of ``Ties``; 4 more where there are clusters
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
    """

    def __init__(
        self, encoder: Encoder, *, every: str | None, zone: str, memory_limit: int, clusters: Clusters | None = None
    ) -> None:
        self._encoder, self._clusters, self._limit = encoder, clusters, memory_limit
        self._periods = Periods(every, zone)
        self._survey = Survey()
        self._blocks = Blocks(clustered=clusters is not None)

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
        bucket = (self._encoder.hashes[receiver] >> np.uint64(56)).astype(np.uint8)
        self._blocks.add(columns, bucket, max(self._limit - names, _LEAST))

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
        sums = Sums(*(self._survey.plan(power).ranked(relation_rank) for power in (1, 2)))
        pairs, cut = Pairs(), None if self._clusters is None else Pairs()
        parts: list[Columns] = []
        n_ties = 0
        for number in self._blocks.occupied() or [0]:
            part = self._bucket(number, ranks, pairs, cut, sums)
            n_ties += part["provider"].size
            what = f"{len(self._encoder):,} participants{self._and_clusters} and more than {n_ties:,} ties"
            check_memory(self._names + tie_bytes * n_ties, self._limit, what)
            parts.append(part)
        self._blocks.close()
        return Ties(**{name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}), periods

    def _bucket(self, number: int, ranks: Columns, pairs: Pairs, cut: Pairs | None, sums: Sums) -> Columns:
        """The ties of one bucket of receivers, in canonical order; ``pairs``, ``cut``, ``sums`` are room to work in.

        With clusters, ``pairs`` numbers ties and ``cut`` their parts, pairs of (tie, cluster).
        """
        pairs.clear()
        sums.clear()
        if cut is not None:
            cut.clear()
        for events in self._blocks.bucket(number):
            events = events | {name: rows[events[name]] for name, rows in ranks.items()}
            tie = pairs.find(*tie_keys(events))
            if cut is not None:
                tie = cut.find(tie.astype(np.uint64), cluster_key(events["cluster"]))
            sums.add(tie, events, len(pairs if cut is None else cut))
        high, low = pairs.keys
        within, cluster = None, {}
        if cut is not None:
            part_of, key = cut.keys
            high, low, within = high[part_of], low[part_of], radix_order(key)
            cluster = {"cluster": (key.astype(np.int64) - 1).astype(np.int32)}
        order = radix_order(high, radix_order(low, within))
        half, mask = np.uint64(32), np.uint64(2**32 - 1)
        keys: Columns = {"provider": (high & mask).astype(np.int32), "receiver": (high >> half).astype(np.int32),
                "relation": (low >> half).astype(np.int16), "period": (low & mask).astype(np.int32)}  # fmt: skip
        columns = keys | sums.finish(keys["relation"]) | cluster
        return {name: values[order] for name, values in columns.items()}
