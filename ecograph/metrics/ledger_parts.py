"""The parts of a Ledger: its table, the agreement of its lenses, and what a reader has to know."""

from __future__ import annotations

from typing import Any

import polars as pl

from ecograph.html import quoted
from ecograph.ledger import NAMED
from ecograph.metrics.agreement import kendall_tau_b
from ecograph.metrics.answer import Answer
from ecograph.metrics.arrow_events import FEW
from ecograph.metrics.candidates import attribute
from ecograph.metrics.intervals import LEVEL, Sure
from ecograph.metrics.lenses import one_step
from ecograph.metrics.question import Question, key
from ecograph.metrics.ranking import Bounds, codes

__all__ = ["agreement", "interval_facts", "notes", "table"]


def table(ask: Question, answer: Answer) -> pl.DataFrame:
    """One row for each candidate shown, best first."""
    rows = ask.rows[answer.at]
    ids = ask.eco.ids
    tied = [ids[ask.rows[others[:NAMED]]].to_list() for others in answer.tied]
    sure = answer.sure
    return pl.DataFrame(
        {
            "rank": pl.Series(answer.shown.rank, dtype=pl.Int64),
            **(_ranks(sure, rows.size) if sure else {}),
            "id": ids[rows],
            "role": attribute(ask.eco, "role", rows),
            "group": attribute(ask.eco, "group", rows),
            **{name: column for lens, bounds in answer.values.items() for name, column in _lens(lens, bounds, sure)},
            **({"tie_group": pl.Series(sure.ranks.group[: rows.size], dtype=pl.String)} if sure else {}),
            "tied_with": pl.Series(tied, dtype=pl.List(pl.String)),
        }
    )


def _ranks(sure: Sure, shown: int) -> dict[str, pl.Series]:
    return {
        "rank_low": pl.Series(sure.ranks.low[:shown], dtype=pl.Int64),
        "rank_high": pl.Series(sure.ranks.high[:shown], dtype=pl.Int64),
        "p_top": pl.Series(sure.ranks.top[:shown], dtype=pl.Float64),
    }


def _lens(lens: str, bounds: Bounds, sure: Sure | None) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = [(lens, bounds.low)]
    if sure and lens in sure.of:
        low, high = sure.of[lens]
        out += [(f"{lens}_low", low), (f"{lens}_high", high)]
    return out


def agreement(values: dict[str, Bounds]) -> pl.DataFrame | None:
    """Tau-b of each pair of lenses; values that can't be told apart count as tied."""
    if len(values) < 2:
        return None
    ranks = {name: codes(key(name, bounds)) for name, bounds in values.items()}
    columns = {a: [kendall_tau_b(ranks[a], ranks[b]) for b in ranks] for a in ranks}
    return pl.DataFrame({"lens": list(ranks), **columns})


def interval_facts(sure: Sure) -> dict[str, Any]:
    """What provenance says of the intervals."""
    return {
        "level": LEVEL,
        "methods": sure.ways,
        "compared": sure.compared,
        "critical_value": sure.ranks.critical,
        "thin_share": sure.thin,
        "failed_replicates": sure.failed,
    }


def notes(
    ask: Question, answer: Answer, conductor: str, top: int, role: str | None, external: int, method: str
) -> tuple[str, ...]:
    """One sentence each."""
    n = ask.rows.size
    out = []
    if one_step(ask.p, ask.o):
        out.append("One-step ecosystem: no chain of dependence is longer than one tie, so direct = reach.")
    if "reach" in ask.lenses:  # of all lenses, only that one looks different there
        out += _about_closed_classes(ask, conductor)
    if role is not None:
        out.append(f"Ranks are among the {n:,} candidates of role {quoted([role])}, of {external:,} external ones.")
    if top > n:
        out.append(f"All {n:,} candidates are shown: there are fewer than the {top:,} asked for.")
    if answer.sure:
        out += _about_intervals(answer.by, answer.sure, n)
    elif method != "none":
        out.append("No intervals: the ties don't tell how many events they are sums of.")
    if many := [others.size for others in answer.tied if others.size > NAMED]:
        out.append(f"Up to {max(many) + 1:,} candidates share a rank; tied_with names the first {NAMED} by id.")
    return tuple(out)


def _about_closed_classes(ask: Question, conductor: str) -> list[str]:
    if ask.closed:
        members = ask.found.members(ask.o)
        few = ask.eco.ids[members].sort().head(3).to_list()
        fault = (
            f"{quoted([conductor])} sits in a closed class of {members.size:,} participants ({quoted(few)}, ...): "
            "nobody in it depends on anyone outside or buys outside the data, so reach is 1 for every other member "
            "and 0 elsewhere, and ranks nothing."
        )
        if ask.feedback is None:
            fault += " first_round is reach counted until a chain comes back to the conductor."
        return [fault]
    if ask.feedback is False:
        return ["first_round is reach counted until a chain comes back to the conductor (feedback=False)."]
    if ask.found.closed.any():
        classes = ask.found.closed[ask.found.component[ask.rows]].sum()
        return [
            f"{classes:,} candidates sit in closed classes that chains never leave: their reach is the probability of "
            "entering the class, the same for all its members."
        ]
    return []


_HOW = {
    "delta": "the delta method over the events behind the ties",
    "redraw": "a Bayesian bootstrap of the events behind the ties",
    "drop": "dropping events at random, which says how stable a value is and no more",
}


def _about_intervals(by: str, sure: Sure, n: int) -> list[str]:
    by_way: dict[str, list[str]] = {}
    for lens, way in sure.ways.items():
        by_way.setdefault(way, []).append(lens)
    how = "; ".join(f"{', '.join(lenses)} by {_HOW[way]}" for way, lenses in by_way.items())
    out = [
        f"{LEVEL:.0%} intervals: {how or 'none, the values are constants'}. Rank intervals hold for all pairs of the "
        f"{sure.compared:,} compared at once" + (f", of {n:,} candidates." if sure.compared < n else ".")
    ]
    if sure.thin:
        out.append(
            f"{sure.thin:.1%} of the steps that make up {by} start at participants with fewer than {FEW} events: "
            "there intervals are too narrow."
        )
    if sure.failed:
        out.append(f"{len(sure.failed):,} replicates gave no values and are left out: {sure.failed[0]}")
    return out
