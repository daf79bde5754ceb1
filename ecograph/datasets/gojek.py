"""A small Gojek-like event log whose true reliance is known: for demonstrations and for tests.

Suppliers serve wholesalers, wholesalers serve merchants; fuel, vehicle finance and mobile data serve
drivers; drivers, merchants, home workers and technology serve the platform, and the platform its
customers. Wholesalers and fuel companies carry hundreds of partners, so the platform relies most on
firms it has no direct tie with: the order by ``reach`` isn't the order by ``direct``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from ecograph.datasets import gojek_facts, gojek_plan
from ecograph.datasets.gojek_files import mapping_text, source_text
from ecograph.datasets.gojek_plan import CONDUCTOR, DAYS, FIRMS, KITCHEN, Flow
from ecograph.datasets.gojek_truth import truth
from ecograph.errors import EcographError

__all__ = ["SCALE", "GojekWorld", "generate_gojek"]

SCALE = 5e-5
_START = datetime(2020, 9, 1)
_ID = {"customer": pl.Int64(), "driver": pl.Int64(), "merchant": pl.Int64(), "worker": pl.Int64(),
       "supplier": pl.String(), "buyer": pl.String()}  # fmt: skip
_AMOUNT = {"basket": pl.Int64(), "fare": pl.Int64(), "price": pl.Int64()}
_COLUMNS = {"event": pl.Int64(), "time": pl.Datetime("us"), "kind": pl.String(), **_ID, **_AMOUNT}
# Orders in each hour of the day, UTC (Jakarta is seven hours ahead): lunch at 5, dinner at 12.
_HOURS = np.array([4, 4, 4, 5, 9, 11, 8, 5, 4, 5, 7, 11, 12, 8, 5, 3, 2, 1, 1, 1, 1, 2, 4, 5], dtype=np.float64)


@dataclass(frozen=True)
class GojekWorld:
    """The log, who takes part, what was planted, and the mapping that turns rows into ties.

    Attributes
    ----------
    events : one row an order or a purchase; see ``SOURCE.txt`` for the columns.
    participants : id, role, group, owner, pillar, region.
    truth : id, role, group, direct, reach, rank_direct, rank_reach of each external resource, expected.
    mapping : a mapping, as TOML text.
    source : what the files are and where their proportions come from.
    spoiled : reason for the quarantine -> number of rows spoiled that way (empty unless ``dirty``).
    """

    events: pl.DataFrame
    participants: pl.DataFrame
    truth: pl.DataFrame
    mapping: str
    source: str
    spoiled: dict[str, int]

    def write(self, folder: str | Path, *, csv: bool = False) -> Path:
        """Write events.parquet (and events.csv), participants.parquet, mapping.toml, truth.csv, SOURCE.txt.

        The folder is made when it is absent; files of these names in it are replaced.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.events.write_parquet(folder / "events.parquet")
        if csv:
            self.events.write_csv(folder / "events.csv", datetime_format="%Y-%m-%d %H:%M:%S")
        self.participants.write_parquet(folder / "participants.parquet")
        self.truth.write_csv(folder / "truth.csv")
        (folder / "mapping.toml").write_text(self.mapping, encoding="utf-8")
        (folder / "SOURCE.txt").write_text(self.source, encoding="utf-8")
        return folder


def generate_gojek(scale: float = SCALE, seed: int = 0, *, dirty: float = 0.0) -> GojekWorld:
    """Make a Gojek-like ecosystem: the same seed gives the same rows on any machine.

    Parameters
    ----------
    scale : fraction of the published ecosystem, above 0: 5e-5 gives 100 drivers, 45 merchants, 5,000
        customers and about 49,000 events in four months. Each role and region has two members at least.
    seed : of NumPy's PCG64; only its uniform numbers are used, and only +, *, / and square roots on
        them, which every platform rounds alike.
    dirty : fraction of rows to spoil, in [0, 1]: blank ids, amounts and dates that aren't any.
        Then every column is text. By default none is.

    Returns
    -------
    GojekWorld

    Raises
    ------
    EcographError : ``scale`` isn't above 0, or ``dirty`` isn't between 0 and 1.

    Notes
    -----
    Amounts are Pareto with shape 4 (mean 1, standard deviation 0.35 of the mean), in rupiah.
    The expected reliance in ``truth`` is that of the shares the events are drawn from; a log of n
    events gives it up to the sampling error, of order 1/sqrt(n).

    Examples
    --------
    >>> generate_gojek(seed=1).truth.select("id", "rank_reach", "rank_direct").head(2).rows()
    [('wholesaler-1', 1, 153), ('mill-1', 2, 153)]
    """
    if not scale > 0 or not 0 <= dirty <= 1:
        raise EcographError(f"scale={scale} must be above 0 and dirty={dirty} between 0 and 1.")
    counts = gojek_facts.published()
    flows = gojek_plan.flows(counts, scale)
    uniform = Generator(PCG64(seed))
    events = _in_order_of_time(pl.concat([_draw(flow, uniform) for flow in flows], how="diagonal"))
    participants = _participants(gojek_plan.people(counts, scale), uniform)
    spoiled: dict[str, int] = {}
    if dirty:
        events, spoiled = _spoil(events, dirty, uniform)
    return GojekWorld(
        events=events,
        participants=participants,
        truth=truth(flows, participants),
        mapping=mapping_text(),
        source=source_text(counts, scale=scale, seed=seed, dirty=dirty, rows=events.height),
        spoiled=spoiled,
    )


def _draw(flow: Flow, uniform: Generator) -> pl.DataFrame:
    """The events of one flow: each party, each amount and the time drawn apart from the others."""
    n = flow.events
    columns: dict[str, pl.Series] = {"time": _times(uniform.random(n), uniform.random(n), uniform.random(n))}
    columns["kind"] = pl.repeat(flow.kind, n, eager=True)
    for party, pool in flow.parties.items():
        chosen = np.searchsorted(np.cumsum(pool.chance)[:-1], uniform.random(n), side="right")
        columns[party] = pl.Series(pool.members, dtype=_ID[party]).gather(chosen)
    for amount, mean in flow.means.items():
        columns[amount] = pl.Series(_amounts(mean, flow.step, uniform.random(n)))
    return pl.DataFrame(columns)


def _amounts(mean: float, step: int, u: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole multiples of ``step``, Pareto with shape 4: the inverse is (1 - u)^(-1/4), two square roots."""
    factor = 0.75 / np.sqrt(np.sqrt(1.0 - u))
    steps: NDArray[np.int64] = np.maximum(1, np.rint(mean * factor / step)).astype(np.int64)
    return step * steps


def _times(day: NDArray[np.float64], hour: NDArray[np.float64], second: NDArray[np.float64]) -> pl.Series:
    hours = np.searchsorted(np.cumsum(_HOURS)[:-1] / _HOURS.sum(), hour, side="right")
    seconds = 86_400 * (DAYS * day).astype(np.int64) + 3_600 * hours + (3_600 * second).astype(np.int64)
    return pl.Series(seconds * 1_000_000).cast(pl.Duration("us")) + _START


def _in_order_of_time(events: pl.DataFrame) -> pl.DataFrame:
    """Rows by time, equal times in the order of the flows, numbered from 1."""
    ordered = events.sort("time", maintain_order=True).with_row_index("event", offset=1)
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in _COLUMNS.items())


def _participants(people: dict[str, dict[str, list[int]]], uniform: Generator) -> pl.DataFrame:
    """One row a participant: the conductor, the firms, then the people of each role and region."""
    rows: list[tuple[str | None, ...]] = [(CONDUCTOR, "platform", "platform", None, "super app", None)]
    rows += [(name, "supplier", firm.group, firm.owner, firm.pillar, None) for name, firm in FIRMS.items()]
    for role, regions in people.items():
        for region, numbers in regions.items():
            for place, number in enumerate(numbers):
                owner = CONDUCTOR if role == "merchant" and place == KITCHEN else None
                rows.append((f"{role}:{number}", role, _group(role, uniform), owner, None, region))
    columns = ("id", "role", "group", "owner", "pillar", "region")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()), orient="row")


def _group(role: str, uniform: Generator) -> str:
    """A driver has a motorcycle (four in five) or a car; others are one kind of contribution a role."""
    if role != "driver":
        return {"merchant": "food", "worker": "home service", "customer": "customer"}[role]
    return "motorcycle" if uniform.random() < 0.8 else "car"


def _spoil(events: pl.DataFrame, dirty: float, uniform: Generator) -> tuple[pl.DataFrame, dict[str, int]]:
    """Spoil a known number of rows: every third its provider, its amount, its date."""
    rows = np.argsort(uniform.random(events.height), kind="stable")[: round(dirty * events.height)]
    defect = np.full(events.height, -1, dtype=np.int64)
    defect[rows] = np.arange(rows.size) % 3
    text = events.select(
        pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S") if name == "time" else pl.col(name).cast(pl.String)
        for name in events.columns
    )
    bad = pl.lit(pl.Series("defect", defect))
    provider = [pl.when((bad == 0) & pl.col(name).is_not_null()).then(pl.lit(" ")).otherwise(name).alias(name)
                for name in ("driver", "worker", "supplier")]  # fmt: skip
    amount = [pl.when((bad == 1) & pl.col(name).is_not_null()).then(pl.lit("n/a")).otherwise(name).alias(name)
              for name in _AMOUNT]  # fmt: skip
    time = pl.when(bad == 2).then(pl.lit("31/02/2020")).otherwise("time").alias("time")
    reasons = ("provider missing", "amount is not a number", "time is not ISO 8601; say its format in the mapping")
    counts = {reason: int((defect == kind).sum()) for kind, reason in enumerate(reasons)}
    return text.with_columns(*provider, *amount, time), counts
