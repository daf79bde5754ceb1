"""What was to be reached, and whether the rows say it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.plan import REAL

__all__ = ["TARGETS", "Target", "limits", "verdict"]

Rows: TypeAlias = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A figure that rows give, and the mark; ``least`` says that more is better."""

    figure: str
    mark: float
    unit: str
    least: bool
    reached: Callable[[Rows], float | None]


def verdict(target: Target, rows: Rows) -> tuple[float | None, str]:
    """What was reached, and "met", "not met" or "not run".

    A peer that was stopped at its limit counts with the limit, so what is reached against it is reached at least.
    """
    value = target.reached(rows)
    if value is None:
        return None, "not run"
    return value, "met" if (value >= target.mark if target.least else value <= target.mark) else "not met"


def of(rows: Rows, case: str, who: str, what: str = "wall", size: int | None = None) -> float | None:
    """The median of one row, or None where it wasn't run or failed."""
    for row in rows:
        if row["case"] == case and row["who"] == who and size in (None, row["size"]):
            if what in row:
                return float(row[what]["median"])
            if "over" in row and what == "wall" and not who.startswith("ecograph"):
                return float(row["over"])
    return None


def ahead(case: str, what: str = "wall", *, most: bool = False) -> Callable[[Rows], float | None]:
    """The fastest peer's time over ours; with ``what="peak"`` ours over that peer's."""

    def reached(rows: Rows) -> float | None:
        own = of(rows, case, "ecograph", what)
        names = [row["who"] for row in rows if row["case"] == case and not row["who"].startswith("ecograph")]
        peers = [(wall, who) for who in names if (wall := of(rows, case, who)) is not None]
        if own is None or not peers:
            return None
        other = of(rows, case, min(peers)[1], what)
        return None if other is None else (own / other if most else other / own)

    return reached


def ratio(case: str, who: str, base: str, scale: float = 1.0) -> Callable[[Rows], float | None]:
    """One row's time over another's of the same case."""

    def reached(rows: Rows) -> float | None:
        above, below = of(rows, case, who), of(rows, case, base)
        return None if above is None or below is None else scale * above / below

    return reached


def alone(case: str, who: str, what: str = "wall", scale: float = 1.0, size: int | None = None) -> Any:
    """A row's own figure."""

    def reached(rows: Rows) -> float | None:
        value = of(rows, case, who, what, size)
        return None if value is None else value * scale

    return reached


def _linear(rows: Rows) -> float | None:
    case = "scaling, parquet to rooted top 20"
    small, large = (of(rows, case, "ecograph", size=size) for size in (10**7, 10**8))
    return None if small is None or large is None else large / small / 10


def _apart(name: str) -> Callable[[Rows], float | None]:
    """How far the mean ratio of widths is from 1."""

    def reached(rows: Rows) -> float | None:
        facts = [row["facts"] for row in rows if row["who"] == name and "facts" in row]
        return abs(facts[0]["width_ratio"] - 1.0) if facts else None

    return reached


def _import(rows: Rows) -> float | None:
    return of(rows, "start", "import ecograph")


_LOG, _SCALE = "to rooted top 20", "scaling, parquet to rooted top 20"
TARGETS = [
    Target("Parquet to rooted top 20, against the fastest peer pipeline", 5.0, "x", True, ahead(f"parquet {_LOG}")),
    Target("the same, peak memory as a share of that peer's", 0.5, "x", False,
           ahead(f"parquet {_LOG}", "peak", most=True)),
    Target("10^8 events, peak memory", 8.0, "GiB", False, alone(_SCALE, "ecograph", "peak", 2**-30, 10**8)),
    Target("10^8 events, time over linear from 10^7", 1.3, "x", False, _linear),
    Target("CSV to rooted top 20, against the fastest peer pipeline", 1.0, "x", True, ahead(f"csv {_LOG}")),
    *(
        Target(f"one PageRank step, {shape}, against the faster of scikit-network and NetworKit", 4.0, "x", True,
               ahead(f"PageRank step, {shape}"))
        for shape in ("R-MAT", "uniform", "one hub")
    ),
    Target("200 bootstrap replicates, in point estimates", 60.0, "x", False,
           ratio("intervals", "200 bootstrap replicates", "point estimate of reach")),
    Target("delta intervals, in point estimates", 15.0, "x", False,
           ratio("intervals", "delta", "point estimate of reach")),
    Target("16 seeds at once, a step of one of them, against one alone", 4.0, "x", True,
           ratio("lanes, seeds", "1 seeds", "16 seeds")),
    *(
        Target(f"delta widths over the bootstrap's, {name}: how far from 1", 0.1, "", False, _apart(name))
        for name in REAL
    ),
    *(
        Target(f"betweenness of {name}, against the fastest peer", 5.0, "x", True, ahead(f"betweenness of {name}"))
        for name in ("as-22july06", "email-Enron")
    ),
    Target("ESRI, one closure, one thread", 0.4, "ms", False, alone("ESRI, one closure", "ecograph", scale=1e3)),
    Target("import ecograph", 0.25, "s", False, _import),
    Target("ecograph rank on 10^5 rows, first call ever", 6.0, "s", False,
           alone("start", "ecograph rank, first call ever")),
    Target("ecograph rank on 10^5 rows, second call", 2.0, "s", False, alone("start", "ecograph rank, second call")),
    Target("the same, with figures", 2.0, "s", False, alone("start", "ecograph rank -o, second call")),
]  # fmt: skip


def limits(path: Path) -> dict[str, str]:
    """What limits a figure and what was tried, by figure: the sections of a page written by hand."""
    found: dict[str, str] = {}
    for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        figure, _, text = section.partition("\n")
        found[figure.strip()] = text.strip()
    return found
