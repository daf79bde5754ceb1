"""Tie tables and ecosystems that are awkward on purpose."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import strategies as st

from ecograph.ecosystem import Ecosystem
from ecograph.schema import PILLARS, Layer, Relation

MONTH = 31 * 86_400_000_000  # microseconds; starts of periods are multiples of it here
TYPICAL = ["driver:12", "consumer:12", "toko 'Maju'", 'a"b', "0012", "12", "東京", "متجر", "🛵", "é", "e\u0301", "<b>&"]
ROLES = ["driver", "merchant", "<script>", "a\x00b"]
AWKWARD = ["\x00", "a\x00b", "line\nbreak", "cr\r\nlf", "tab\t", " padded ", "_x0041_", "\ufffe", "\u202eabc", "a;b,c"]


def ids() -> st.SearchStrategy[str]:
    """Ids in any script, with quotes, newlines and NULs; never blank."""
    any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
    return st.sampled_from(TYPICAL + AWKWARD) | any_text.filter(lambda text: bool(text.strip()))


def weights(*, non_positive: bool = True) -> st.SearchStrategy[float]:
    """Small whole numbers, eighths, cents and large ones; zero and negative too unless told not to."""
    some = st.integers(1, 9).map(float) | st.integers(1, 80).map(lambda n: n / 8)
    some |= st.integers(1, 999).map(lambda n: n / 100) | st.sampled_from([1e-6, 1e6, 12_345_678.9])
    return some | st.sampled_from([0.0, -1.0, -0.25]) if non_positive else some


@st.composite
def pairs(draw: st.DrawFn, n: int, max_ties: int, *, self_ties: bool = True) -> list[tuple[int, int]]:
    """(provider, receiver) among n participants: at random, one giant hub, a chain, or two islands."""
    shape = draw(st.sampled_from(["random", "random", "hub", "chain", "islands"]))
    one = st.integers(0, n - 1)
    drawn = draw(st.lists(st.tuples(one, one), max_size=max_ties))
    if shape == "hub":
        drawn = [(i, 0) if k % 3 else (0, i) for k, (i, _) in enumerate(drawn)]
    elif shape == "chain":
        drawn = [(i, i + 1) for i in range(n - 1)] + drawn[: max_ties // 4]
    elif shape == "islands" and n > 3:
        drawn = [(i - (i - j) % 2, j) for i, j in drawn if i - (i - j) % 2 >= 0]  # odd and even never meet
    return [(i, j) for i, j in drawn if self_ties or i != j]


@st.composite
def tie_tables(
    draw: st.DrawFn,
    *,
    max_participants: int = 8,
    max_ties: int = 30,
    relations: int = 3,
    periods: int = 3,
    self_ties: bool = True,
    non_positive: bool = True,
    plain_ids: bool = False,
    dated: bool = False,
    clusters: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ties and participants (some isolated, some in the ties only) as ``Ecosystem.from_ties`` takes them.

    Rows repeat (provider, receiver, relation, period); relation, period, weight_sq, count, first and
    last are there or not. ``plain_ids`` names participants p0, p1, ... for tests about numbers; ``dated``
    always gives a period (which may be null), ``clusters`` a cluster (which may be blank).
    """
    n = draw(st.integers(1, max_participants))
    names = [f"p{i}" for i in range(n)] if plain_ids else draw(st.lists(ids(), min_size=n, max_size=n, unique=True))
    ends = draw(pairs(n, max_ties, self_ties=self_ties))
    m = len(ends)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=m, max_size=m))

    table: dict[str, pl.Series] = {
        "provider": pl.Series([names[i] for i, _ in ends], dtype=pl.String),
        "receiver": pl.Series([names[j] for _, j in ends], dtype=pl.String),
        "weight": pl.Series(column(weights(non_positive=non_positive)), dtype=pl.Float64),
    }
    moment = pl.Datetime("us", "UTC")
    if relations > 1 and draw(st.booleans()):
        kinds = ["order", "payout <i>", "fuel, \n&", "waktu"][:relations]
        table["relation"] = pl.Series(column(st.sampled_from(kinds)), dtype=pl.String)
    if dated or (periods > 1 and draw(st.booleans())):
        starts = [None, *(k * MONTH for k in range(periods))]
        table["period"] = pl.Series(column(st.sampled_from(starts)), dtype=moment)
    if draw(st.booleans()):
        table["weight_sq"] = table["weight"] ** 2
        table["count"] = pl.Series(column(st.integers(1, 5)), dtype=pl.Int64)
    if draw(st.booleans()):
        first = pl.Series(column(st.none() | st.integers(0, MONTH)), dtype=pl.Int64)
        table["first"], table["last"] = first.cast(moment), (first + MONTH).cast(moment)
    if clusters:
        customers = ["ani", "budi", "citra", "12", " ", "\u6771\u4eac", None]
        table["cluster"] = pl.Series(column(st.sampled_from(customers)), dtype=pl.String)
    return pl.DataFrame(table), draw(participant_tables(names))


@st.composite
def participant_tables(draw: st.DrawFn, names: list[str]) -> pl.DataFrame:
    """Some of the names, shuffled, with some attributes."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    k = len(chosen)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(st.none() | values, min_size=k, max_size=k))

    table = {"id": pl.Series(chosen, dtype=pl.String)}
    if draw(st.booleans()):
        table["role"] = pl.Series(column(st.sampled_from(ROLES)), dtype=pl.String)
        table["group"] = pl.Series(column(st.sampled_from(["g1", "g2", "g\r3"])), dtype=pl.String)
        table["owner"] = pl.Series(column(st.sampled_from(names)), dtype=pl.String)
    if draw(st.booleans()):
        table["pillar"] = pl.Series(column(st.sampled_from(PILLARS)), dtype=pl.String)
        table["capacity"] = pl.Series(column(st.sampled_from([0.0, 2.5, 1e6])), dtype=pl.Float64)
        table["external_cost"] = pl.Series(column(st.sampled_from([0.0, 1.0, 0.1])), dtype=pl.Float64)
    return pl.DataFrame(table)


UNITS: list[tuple[str, Layer]] = [("1", "service"), ("$", "money"), ("h", "service")]


@st.composite
def ecosystems(draw: st.DrawFn, /, **options: Any) -> Ecosystem:
    """``Ecosystem.from_ties`` of ``tie_tables(**options)``, with a unit and layer for each relation."""
    ties, participants = draw(tie_tables(**options))
    names = ties["relation"].unique().sort() if "relation" in ties.columns else ["tie"]
    relations = [Relation(name, unit, layer) for name, (unit, layer) in zip(names, UNITS, strict=False)]
    return Ecosystem.from_ties(ties, participants, relations=relations)
