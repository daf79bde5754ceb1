"""Less of an ecosystem: some periods, relations or participants, the rest as it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ParticipantError, TieTableError, WindowError
from ecograph.html import plain, quoted
from ecograph.schema import LAYERS
from ecograph.show import day
from ecograph.suggest import offer

__all__ = ["layer", "relation", "role", "window", "without"]

Moment = str | date | datetime
T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = np.iinfo(np.int64).max
_FINER = 'filter the events by time when reading them, or read them with a finer every= ("1mo", "1w", "1d", ...)'


def window(eco: Ecosystem, since: Moment | None = None, until: Moment | None = None) -> Ecosystem:
    """The ties of the periods in [since, until), exactly.

    Parameters
    ----------
    since, until : a date, a datetime or an ISO 8601 text; without a zone it is taken in ``eco.zone``.
        ``None`` leaves that side open. Neither may cut a period in two.

    Returns
    -------
    Ecosystem
        Same participants and rows; ``periods`` are those inside. Undated ties are left out.

    Raises
    ------
    WindowError : a bound lies inside a period (the message names the edges around it), isn't a time, or
        the window has no ties.

    Notes
    -----
    O(ties) time. Windows that share no period add up to the window over all of them.

    Examples
    --------
    >>> from datetime import date
    >>> months = [date(2024, 1, 1), date(2024, 2, 1)]
    >>> eco = Ecosystem.from_ties({"provider": ["a", "a"], "receiver": ["o", "o"], "weight": [1, 2], "period": months})
    >>> eco.window("2024-02-01").ties.weight
    array([2.])
    """
    if since is None and until is None:
        return eco
    starts, ends = _spans(eco)
    low = -_NEVER if since is None else _on_edge(eco, since, starts, ends)
    high = _NEVER if until is None else _on_edge(eco, until, starts, ends)
    if low >= high:
        raise WindowError(
            f"The window from {plain(since)} to {plain(until)} is empty: it ends where it begins, or before."
        )
    inside = np.array([start is not None and low <= start < high for start in eco.periods], np.bool_)
    kept = inside[eco.ties.period]
    if not kept.any():
        raise WindowError(
            f"No tie falls in the window from {plain(since)} to {plain(until)}.",
            hint=f"the dated ties here lie between {_edge(eco, starts[0])} and {_edge(eco, ends[-1])}",
        )
    ties = eco.ties.take(kept)
    ties = replace(ties, period=_rank(inside)[ties.period])
    return replace(eco, ties=ties, periods=_chosen(eco.periods, inside))


def relation(eco: Ecosystem, *names: str) -> Ecosystem:
    """The ties of the relations named; participants and their rows stay, ``relations`` are those named.

    Raises
    ------
    TieTableError : no such relation, or none named.

    Examples
    --------
    >>> ties = {"provider": ["a", "a"], "receiver": ["o", "o"], "weight": [1, 2], "relation": ["order", "payout"]}
    >>> Ecosystem.from_ties(ties).relation("payout").tie_table().rows()
    [('a', 'o', 'payout', None, 2.0)]
    """
    known = [r.name for r in eco.relations]
    _check_names(names, known, "relation", TieTableError)
    return _of_relations(eco, np.isin(known, names))


def layer(eco: Ecosystem, name: str) -> Ecosystem:
    """The ties of every relation in the layer; an ecosystem without one is refused.

    Raises
    ------
    TieTableError : no such layer, or no relation in it.
    """
    _check_names([name], LAYERS, "layer", TieTableError)
    chosen = np.array([r.layer == name for r in eco.relations], np.bool_)
    if not chosen.any():
        raise TieTableError(
            f"No relation is in the {name} layer; here are {quoted(r.name for r in eco.relations)}, all in the other.",
            hint="say what flows: from_ties(..., relations={'payout': ('USD', 'money')}), or layer = in the mapping",
        )
    return _of_relations(eco, chosen)


def role(eco: Ecosystem, *names: str) -> Ecosystem:
    """Only participants of the roles named, and the ties among them; relative order stays.

    What a participant gets from others is then all its input: dependence is renormalised. To rank
    candidates of one role among all, use ``reliance(..., role=...)`` instead.

    Raises
    ------
    ParticipantError : nobody has that role, or none named.
    """
    roles = eco.participants["role"]
    _check_names(names, roles.drop_nulls().unique().sort(), "role", ParticipantError)
    return _of_participants(eco, roles.is_in(list(names)).fill_null(False).to_numpy())


def without(eco: Ecosystem, ids: str | Iterable[str]) -> Ecosystem:
    """Everybody but these participants, as if they had never been there; relative order stays.

    Raises
    ------
    ParticipantError : nobody has one of the ids; the message names the nearest.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [1, 2]})
    >>> sorted(eco.without("a").ids)
    ['b', 'o']
    """
    kept = np.ones(len(eco), np.bool_)
    kept[eco.rows_of([ids] if isinstance(ids, str) else list(ids))] = False
    return _of_participants(eco, kept)


def _of_relations(eco: Ecosystem, chosen: NDArray[np.bool_]) -> Ecosystem:
    ties = eco.ties.take(chosen[eco.ties.relation])
    ties = replace(ties, relation=_rank(chosen).astype(np.int16)[ties.relation])
    return replace(eco, ties=ties, relations=_chosen(eco.relations, chosen))


def _of_participants(eco: Ecosystem, kept: NDArray[np.bool_]) -> Ecosystem:
    rank, ties = _rank(kept), eco.ties.take(kept[eco.ties.provider] & kept[eco.ties.receiver])
    ties = replace(ties, provider=rank[ties.provider], receiver=rank[ties.receiver])
    return replace(eco, participants=eco.participants.filter(pl.Series(kept)), ties=ties)


def _rank(chosen: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Old row to new row for the rows chosen; keeps order, so ties stay sorted."""
    return np.cumsum(chosen, dtype=np.int32) - np.int32(1)


def _chosen(values: tuple[T, ...], chosen: NDArray[np.bool_]) -> tuple[T, ...]:
    return tuple(value for value, keep in zip(values, chosen, strict=True) if keep)


def _check_names(
    asked: Collection[str], known: Collection[str] | pl.Series, what: str, error: type[ParticipantError | TieTableError]
) -> None:
    if not asked:
        raise error(f"Name at least one {what}.", hint=offer("", known, f"{what}s"))
    present = set(known)
    if absent := [name for name in asked if name not in present]:
        raise error(f"No {what} {quoted(absent)} here.", hint=offer(absent[0], known, f"{what}s"))


def _spans(eco: Ecosystem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end of every dated period; the last one is open where the length isn't known."""
    starts = np.array([start for start in eco.periods if start is not None], np.int64)
    if starts.size == 0:
        raise WindowError("These ties are sums over all time: they have no periods to choose from.", hint=_FINER)
    following = np.append(starts[1:], _NEVER)
    if eco.every is None:
        return starts, following
    clock = pl.Series(starts, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(eco.zone)
    return starts, np.minimum(clock.dt.offset_by(eco.every).dt.epoch("us").to_numpy(), following)


def _on_edge(eco: Ecosystem, bound: Moment, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """The instant, if it cuts no period; between periods and outside all of them every instant is exact."""
    instant = _instant(bound, eco.zone)
    around = int(np.searchsorted(starts, instant)) - 1
    if around >= 0 and instant < ends[around]:
        raise WindowError(
            f"{plain(bound)} lies inside a period; the edges around it are {_edge(eco, starts[around])} and "
            f"{_edge(eco, ends[around])}.",
            hint=f"use one of these edges, or {_FINER}",
        )
    return instant


def _edge(eco: Ecosystem, instant: np.int64) -> str:
    return "the open end (leave until= out)" if instant == _NEVER else day(int(instant), eco.zone)


def _instant(bound: Moment, zone: str) -> int:
    """Microseconds since 1970 UTC, exactly."""
    try:
        moment: object = datetime.fromisoformat(bound) if isinstance(bound, str) else bound
    except ValueError:
        moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime):
        raise WindowError(f"{plain(bound)} isn't a time.", hint='write "2024-03-01" or "2024-03-01T06:00+07:00"')
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return (moment - _EPOCH) // timedelta(microseconds=1)
