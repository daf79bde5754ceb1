"""Two ways in: an ecosystem from events, or only what is in them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.clusters import pool
from ecograph.ecosystem import Ecosystem
from ecograph.ingest.memory import default_limit, give_back
from ecograph.ingest.participants import participant_table, read_second_table
from ecograph.ingest.reduce import Reducer
from ecograph.ingest.report import IngestReport
from ecograph.ingest.scan import Scan
from ecograph.ingest.setaside import SetAside
from ecograph.ingest.source import BLOCK_BYTES
from ecograph.mapping import Mapping
from ecograph.order import text_buffers
from ecograph.progress import Progress
from ecograph.ties import Ties

__all__ = ["check_events", "read_events"]

_PART = 1 << 16  # bytes looked at together: they stay in the nearest cache

PathLike: TypeAlias = str | os.PathLike[str]


def read_events(
    source: Any, *, mapping: Mapping | PathLike | None = None, participants: Any = None, every: str | None = None,
    strict: bool = False, memory_limit: int | None = None, quarantine: PathLike | None = None,
    progress: Progress = None, block_bytes: int = BLOCK_BYTES, cluster: str | None = None,
) -> Ecosystem:  # fmt: skip
    """Read an event log into an ecosystem: ids coded exactly, amounts summed exactly, bad rows set aside.

    Parameters
    ----------
    source : path, glob, Polars frame or LazyFrame, object with ``__arrow_c_stream__``, or a list of these.
        CSV and TSV (also gz), NDJSON, Parquet and Arrow IPC.
    mapping : how a row gives ties: a ``Mapping``, or a TOML file or text; default: the columns are called provider,
        receiver and, where there are such, amount, time, relation, via.
    participants : table (as ``source``) with ``id`` and attributes (``schema.PARTICIPANTS``); its word counts before
        that of the events, and those without events are participants too.
    every : length of a period (``"1mo"``), in place of the mapping's; default: one period.
    strict : let any row that can't be understood be an error; else more than half of them are.
    memory_limit : bytes that ids, ties and the events held may take; default: half of what is available. Many events
        and ties lie on disk (``TMPDIR``) where there is room, events beyond it must.
    quarantine : ``.csv`` or ``.parquet`` file for all rows set aside.
    progress : see ``ecograph.progress``; in bytes read.
    block_bytes : of text read at a time; the result doesn't depend on it.
    cluster : column that tells which rows belong together, or ``"row"`` (what one row gave belongs together), in
        place of the mapping's; kept with the ties, for resampling. Default: events stand each by itself.

    Returns
    -------
    Ecosystem
        The same, byte for byte, for any order of rows and files and any number of threads. ``report`` is
        an ``IngestReport``.

    Raises
    ------
    SourceError, MappingError, AmbiguityError, QuarantineError, TieTableError, MemoryLimitError, OutputError :
        each says what was seen and the way out.

    Notes
    -----
    O(rows) time; memory for ids, ties and ``memory_limit``, not for the rows. docs/data/exactness.md tells what
    exactly the sums are.

    Examples
    --------
    >>> log = pl.DataFrame({"provider": ["ani", "budi", "ani"], "receiver": ["gojek"] * 3, "amount": [0.1, 5.0, 0.2]})
    >>> eco = read_events(log)
    >>> eco.tie_table().sort("provider").select("provider", "weight", "count").rows()
    [('ani', 0.3, 2), ('budi', 5.0, 1)]
    >>> print(eco.report)
    DataFrame: 3 rows = 3 good + 0 filtered + 0 set aside
    3 events among 3 participants, 2 ties
    """
    limit = default_limit() if memory_limit is None else memory_limit
    with SetAside(quarantine) as bad:
        scan = Scan(source, mapping, every, cluster, limit, bad)
        with Reducer(
            scan.codes.encoder, every=scan.mapping.every, zone=scan.zone, memory_limit=limit, clusters=scan.clusters
        ) as reducer:
            relations, relation_rank = scan.run(reducer, progress, block_bytes)
            scan.check(strict=strict)
            table, ids, rank = _participants(scan, participants)
            give_back()
            ties, periods = reducer.finish(rank, relation_rank)
    report = _report(scan, reducer, ids, ties, len(periods))
    told = {"ingest": report.to_dict(), "mapping": scan.mapping.to_toml(), "every": scan.mapping.every}
    return Ecosystem(table, ties, relations, periods, scan.mapping.every, told, scan.zone, report)


def _participants(scan: Scan, second: Any) -> tuple[pl.DataFrame, pl.Series, NDArray[np.int32]]:
    """The participant table, its ids, and for each code its row."""
    told = read_second_table(second, scan.mapping, scan.notices)
    scan.notices["participants without events"] += scan.codes.add(told["id"])
    said, differ = scan.said.finish()
    scan.notices["attributes told in two ways by events"] += differ
    ids, rank = scan.codes.finish()
    return participant_table(ids, said, told), ids, rank


def _report(scan: Scan, reducer: Reducer, ids: pl.Series, ties: Ties, n_periods: int) -> IngestReport:
    """The books, closed; without a look at the table, most of which lies on the disk."""
    worthless = reducer.worthless if ties.cluster is None else int((pool(ties).weight <= 0).sum())
    scan.notices["ids that differ from another only in case"] += alike_but_for_case(ids)
    scan.notices["ties of weight zero or below kept, outside every lens"] += worthless
    report = replace(scan.report(), ties=len(ties), periods=n_periods)
    assert reducer.summed == report.events, "an event was lost"
    return report


def check_events(
    source: Any, *, mapping: Mapping | PathLike | None = None, strict: bool = False,
    memory_limit: int | None = None, quarantine: PathLike | None = None, progress: Progress = None,
    block_bytes: int = BLOCK_BYTES, cluster: str | None = None,
) -> IngestReport:  # fmt: skip
    """The same pass as ``read_events`` without ties: what is in the source, and what would be set aside.

    Parameters
    ----------
    source, mapping, memory_limit, progress, block_bytes, cluster : as in ``read_events``.
    strict : let any row that can't be understood be an error. Without it none is, however many there are:
        ``report.check()`` raises what ``read_events`` would.
    quarantine : ``.csv`` or ``.parquet`` file for all rows set aside.

    Returns
    -------
    IngestReport
        Sources, rows and what became of each, reasons, notices; ``str(report)`` says it in words. O(rows) time.

    Raises
    ------
    SourceError, MappingError, AmbiguityError, QuarantineError, MemoryLimitError, OutputError : as in ``read_events``.

    Examples
    --------
    >>> log = pl.DataFrame({"provider": ["ani", None], "receiver": ["gojek", "gojek"]})
    >>> print(check_events(log))
    DataFrame: 2 rows = 1 good + 0 filtered + 1 set aside
    1 events among 2 participants
    Set aside:
               1  provider missing
    """
    limit = default_limit() if memory_limit is None else memory_limit
    with SetAside(quarantine) as bad:
        scan = Scan(source, mapping, None, cluster, limit, bad)
        scan.run(None, progress, block_bytes)
    scan.notices["ids that differ from another only in case"] += alike_but_for_case(scan.codes.finish()[0])
    report = scan.report()
    if strict:
        report.check(strict=True)
    return report


def alike_but_for_case(ids: pl.Series) -> int:
    """How many ids would merge if case were ignored.

    Examples
    --------
    >>> alike_but_for_case(pl.Series(["Ani", "ani", "ANI", "budi"]))
    2
    """
    data, _ = text_buffers(ids)
    parts = (data[first : first + _PART] for first in range(0, data.size, _PART))
    if not any(part.max() >= 0x80 or (part - np.uint8(ord("A")) < 26).any() for part in parts):
        return 0  # nothing that has a lower case
    return ids.len() - ids.str.to_lowercase().n_unique()
