"""One pass over the sources: batches become checked, coded events, and every row is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.threads import in_order
from ecograph.errors import MappingError, SourceError
from ecograph.ingest.ahead import ahead
from ecograph.ingest.clusters import Clusters, NamedClusters, RowClusters
from ecograph.ingest.duplicates import Duplicates
from ecograph.ingest.events import EventBatch, events
from ecograph.ingest.memory import check_memory, give_back
from ecograph.ingest.participants import Said
from ecograph.ingest.reduce import Reducer
from ecograph.ingest.report import IngestReport, SourceFacts
from ecograph.ingest.rows import Rows
from ecograph.ingest.setaside import SetAside
from ecograph.ingest.source import Batch, Dialect, Source, columns, read, resolve
from ecograph.ingest.watch import Watch
from ecograph.mapping import Mapping
from ecograph.progress import Progress, track
from ecograph.schema import Relation

__all__ = ["Scan"]

_ROWS = 1 << 21  # read between two times that memory is given back, which takes some ms
_AGAIN = {"count": "rows equal to an earlier one kept", "drop": "rows equal to an earlier one dropped"}


class Scan:
    """Reads sources once and keeps the books: ids, attributes, rows set aside, notices.

    Parameters
    ----------
    source : see ``read_events``. mapping, every, cluster : the same.
    limit : bytes that ids and keys of rows may take. bad : takes the rows set aside.
    """

    def __init__(
        self, source: Any, mapping: Any, every: str | None, cluster: str | None, limit: int, bad: SetAside
    ) -> None:
        given = mapping if mapping is None or isinstance(mapping, Mapping) else Mapping.from_toml(mapping)
        written = None if given is None or given.format == "frame" else given.format
        self._sources = resolve(source, format=written)
        self.mapping = _fitted(given, self._sources, every, cluster)
        self.said = Said()
        by = self.mapping.cluster
        self.clusters: Clusters | None = None if by is None else RowClusters() if by == "row" else NamedClusters()
        self._watch, self._limit, self._bad = Watch(self.mapping), limit, bad
        self.codes = self._watch.codes
        self._seen = None if self.mapping.duplicates == "keep" else Duplicates()
        self._rows = self._good = self._filtered = self._events = 0
        self.notices: Counter[str] = Counter()

    @property
    def zone(self) -> str:
        """Where days begin: the mapping's time zone."""
        times = (self.mapping.time, *(self.mapping.time_of(rule) for rule in self.mapping.ties))
        return next((time.zone for time in times if time is not None), "UTC")

    def run(
        self, reducer: Reducer | None, progress: Progress, block_bytes: int
    ) -> tuple[tuple[Relation, ...], NDArray[np.int16]]:
        """Read everything; give what ``Watch.finish`` gives: relations, and for each code its row.

        Raises
        ------
        SourceError : there are no rows. AmbiguityError : amounts that can be read in two ways.
        """
        taken = 0  # rows since memory was last given back
        for batch, rows in in_order(self._ahead, self._batches(progress, block_bytes)):
            taken += batch.framed
            if taken > _ROWS:
                give_back()
                taken = 0
            found = self._without_repeats(batch, events(batch, self.mapping, self._watch, rows))
            assert found.good + found.filtered + found.bad.height == batch.framed, "a row was lost"
            self._rows += batch.framed
            self._good += found.good
            self._filtered += found.filtered
            self._events += len(found)
            self._bad.add(found.bad)
            self.notices += found.notices
            self.said.add(found.attributes)
            for end in (found.provider_code, found.receiver_code):
                self.codes.name(end)
            cluster = self._cluster(batch, found)
            self._check_memory()
            if reducer is not None and len(found):
                reducer.add(found.provider_code, found.receiver_code, found.relation, found.mantissa, found.scale,
                            found.time, cluster)  # fmt: skip
        if self._rows == 0:
            raise SourceError(f"there are no rows in {self._sources[0].name}.", hint="is it the right file, and whole?")
        del batch, rows, found
        if taken < self._rows:
            give_back()
        relations = self._watch.finish()
        self._bad.publish()
        return relations

    def report(self) -> IngestReport:
        """The books as they stand; ``self.notices`` that are zero are left out."""
        return IngestReport(
            sources=tuple(SourceFacts(source.name, source.sha256(), source.nbytes) for source in self._sources),
            rows=self._rows, good=self._good, filtered=self._filtered, quarantined=self._bad.count,
            events=self._events, participants=len(self.codes),
            clusters=None if self.clusters is None else len(self.clusters),
            reasons=dict(sorted(self._bad.reasons.items())),
            notices=dict(sorted((+self.notices).items())), quarantine=self._bad.frame,
        )  # fmt: skip

    def check(self, *, strict: bool) -> None:
        """Raise where too many rows are bad, or none gave an event."""
        self.report().check(strict=strict)
        if self._events == 0:
            raise MappingError(
                f"none of the {self._rows:,} rows gives a tie: {self._filtered:,} are filtered out,"
                f" {self._bad.count:,} can't be understood.",
                hint="look at the filters (where) of the mapping and at the values they compare with.",
            )

    def _batches(self, progress: Progress, block_bytes: int) -> Iterator[Batch]:
        """Batches of all sources, read ahead; progress is told here, on the caller's thread."""
        sizes = [source.nbytes for source in self._sources]
        total = None if None in sizes else float(sum(size or 0 for size in sizes))
        before = 0
        with track(progress, "reading events", total) as tick:
            for source in self._sources:
                done = [0.0]
                batches = read(
                    source, self.mapping.dialect, self.mapping.columns, block_bytes=block_bytes,
                    progress=partial(done.__setitem__, 0),
                )  # fmt: skip
                with source.hashing():
                    for batch in ahead(batches):
                        tick(before + done[0])
                        yield batch
                before += source.nbytes or 0
                tick(float(before))

    def _ahead(self, batch: Batch) -> tuple[Batch, Rows]:
        """A batch and what can be read of it before its turn, on any thread."""
        return batch, Rows(batch.table, self.mapping, self._watch).ahead()

    def _without_repeats(self, batch: Batch, found: EventBatch) -> EventBatch:
        """Count good rows that repeat an earlier one, and drop them where the mapping says so."""
        if self._seen is None or not len(found):
            return found
        rows = np.unique(found.row)
        again = rows[self._seen.again(batch.frame[rows])]
        self.notices[_AGAIN[self.mapping.duplicates]] += again.size
        if self.mapping.duplicates == "count" or not again.size:
            return found
        keep = ~np.isin(found.row, again)
        return replace(
            found, good=found.good - again.size, filtered=found.filtered + again.size,
            cluster=None if found.cluster is None else found.cluster.filter(pl.Series(keep)),
            **{name: getattr(found, name)[keep] for name in
               ("provider_code", "receiver_code", "relation", "mantissa", "scale", "time", "row")},
        )  # fmt: skip

    def _cluster(self, batch: Batch, found: EventBatch) -> NDArray[np.int32] | None:
        """The number of each event's cluster, where the mapping asks for clusters."""
        if isinstance(self.clusters, RowClusters):
            rows, which = np.unique(found.row, return_inverse=True)
            return self.clusters.number(batch.frame[rows])[which]
        return None if self.clusters is None or found.cluster is None else self.clusters.number(found.cluster)

    def _check_memory(self) -> None:
        keys = 0 if self._seen is None else self._seen.nbytes
        clusters = 0 if self.clusters is None else self.clusters.nbytes
        what = f"{len(self.codes.encoder):,} ids" + " and row keys" * bool(keys) + " and clusters" * bool(clusters)
        check_memory(self.codes.nbytes + keys + clusters, self._limit, what)


def _fitted(given: Mapping | None, sources: list[Source], every: str | None, cluster: str | None) -> Mapping:
    """The mapping, or the default one, checked against the columns of every source."""
    for source in sources:
        found = columns(source, Dialect() if given is None else given.dialect)
        given = given or Mapping.default(found)
        given = given if cluster is None else replace(given, cluster=cluster)
        given.check(found)
    assert given is not None, "there is at least one source"
    return given if every is None else replace(given, every=every)
