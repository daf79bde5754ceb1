"""What did reading find? Rows and what became of each, reasons, notices: as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from ecograph.errors import QuarantineError
from ecograph.ingest.quarantine import QUARANTINE, brief

__all__ = ["IngestReport", "SourceFacts"]

_SHOWN = 80  # characters of a bad row that an error shows


class SourceFacts(NamedTuple):
    """A source that was read: its name, the SHA-256 of its bytes as stored, and how many they are; None = unknown."""

    name: str
    sha256: str | None
    bytes: int | None


@dataclass(frozen=True)
class IngestReport:
    """What reading found. Every row is one of three: ``rows == good + filtered + quarantined``.

    Attributes
    ----------
    sources : the files or frames, in the order in which they were read.
    rows : records met. good : rows that gave events. filtered : left out by the mapping's filters or as
        repeated rows (``duplicates="drop"``). quarantined : rows that couldn't be understood.
    events : tie-events that good rows gave; the ``count`` of all ties sums to it.
    participants : how many. clusters : how many, None where none were asked for.
    ties, periods : how many; 0 where ties weren't asked for.
    reasons : reason -> rows set aside for it. notices : what was done to good rows, or seen -> how often.
    quarantine : the first 100,000 rows set aside: source, line, offset, column, raw, reason.
    """

    sources: tuple[SourceFacts, ...]
    rows: int
    good: int
    filtered: int
    quarantined: int
    events: int
    participants: int
    ties: int = 0
    periods: int = 0
    clusters: int | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    notices: Mapping[str, int] = field(default_factory=dict)
    quarantine: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUARANTINE), repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.rows == self.good + self.filtered + self.quarantined, "a row was lost"
        assert self.quarantined == sum(self.reasons.values()), "a row set aside has no reason"
        assert self.quarantine.height <= self.quarantined

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it, without the rows set aside."""
        names = ("rows", "good", "filtered", "quarantined", "events", "participants", "ties", "periods")
        facts: dict[str, Any] = {"sources": [source._asdict() for source in self.sources]}
        facts |= {name: getattr(self, name) for name in names}
        if self.clusters is not None:
            facts["clusters"] = self.clusters
        return facts | {"reasons": dict(self.reasons), "notices": dict(self.notices)}

    def __str__(self) -> str:
        """Ten lines for a person."""
        name = brief(self.sources[0].name, 60) if len(self.sources) == 1 else f"{len(self.sources):,} sources"
        lines = [f"{name}: {self.rows:,} rows = {self.good:,} good + {self.filtered:,} filtered"
                 f" + {self.quarantined:,} set aside"]  # fmt: skip
        ties = f", {self.ties:,} ties" if self.ties else ""
        clusters = f", {self.clusters:,} clusters" if self.clusters is not None else ""
        lines.append(f"{self.events:,} events among {self.participants:,} participants{ties}{clusters}")
        for title, counts in (("Set aside", self.reasons), ("Notices", self.notices)):
            if counts:
                lines += [f"{title}:", *(f"{n:>12,}  {brief(what)}" for what, n in _most(counts))]
        return "\n".join(lines)

    def check(self, *, strict: bool = False) -> None:
        """Raise QuarantineError where more than half of the rows are bad, or under ``strict`` any."""
        if self.quarantined == 0 or not (strict or 2 * self.quarantined > self.rows):
            return
        what = "and strict allows none" if strict else "more than half"
        reasons = "; ".join(f"{brief(reason, 60)} ({n:,})" for reason, n in _most(self.reasons)[:5])
        rows = self.quarantine.head(3).iter_rows(named=True)
        raise QuarantineError(
            f"{self.quarantined:,} of {self.rows:,} rows can't be understood, {what}: {reasons}.\n"
            + "\n".join(f"  {_example(row)}" for row in rows),
            hint='see all with quarantine="bad.csv" (ecograph check FILE); mend the rows, or the mapping: its columns,'
            " delimiter, number and time formats (ecograph map FILE guesses them).",
        )


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _example(row: dict[str, Any]) -> str:
    where = f"{brief(row['source'], 60)}:{row['line']}" + (f", column {row['column']!r}" if row["column"] else "")
    return f"{where}: {row['reason']}: {brief(row['raw'], _SHOWN)}"
