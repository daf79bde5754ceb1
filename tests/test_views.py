"""Views: exact on the edges of periods, refused off them, ids and meaning kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ParticipantError, TieTableError, WindowError
from ecograph.schema import Relation
from ecograph.ties import Ties
from tests.strategies import MONTH, ecosystems

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def monthly(
    zone: str = "UTC", every: str | None = "1mo", days: tuple[str, ...] = ("2024-01-01", "2024-02-01")
) -> Ecosystem:
    """One tie a period, of weight 1, 2, ...; periods start at midnight of ``days`` in ``zone``."""
    starts = pl.Series(days).str.to_datetime(time_unit="us", time_zone=zone).dt.epoch("us").to_list()
    k = len(starts)
    participants = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]}).participants
    row = participants["id"].to_list().index
    ties = Ties(
        provider=np.full(k, row("a"), np.int32),
        receiver=np.full(k, row("o"), np.int32),
        relation=np.zeros(k, np.int16),
        period=np.arange(k, dtype=np.int32),
        weight=np.arange(1.0, k + 1),
    )
    return Ecosystem(participants, ties, (Relation("tie"),), tuple(starts), every, zone=zone)


def weights_of(eco: Ecosystem) -> list[float]:
    weights: list[float] = eco.ties.weight.tolist()
    return weights


def rows(eco: Ecosystem) -> list[tuple[Any, ...]]:
    return eco.tie_table().rows()


# Windows


@given(ecosystems(dated=True), st.data())
def test_a_window_holds_the_ties_of_its_periods(eco: Ecosystem, data: st.DataObject) -> None:
    starts = [moment(start) for start in eco.periods if start is not None]
    assume(starts)
    since, until = data.draw(st.none() | st.sampled_from(starts)), data.draw(st.none() | st.sampled_from(starts))
    assume(since or until)
    expected = [row for row in rows(eco) if row[3] and (since or row[3]) <= row[3] < (until or moment(2**55))]
    if not expected:
        with pytest.raises(WindowError, match=r"is empty|No tie falls"):
            eco.window(since, until)
        return
    view = eco.window(since, until)
    assert rows(view) == expected
    assert view.participants is eco.participants


@given(ecosystems(dated=True), st.integers(0, 4 * MONTH))
def test_no_window_cuts_a_period(eco: Ecosystem, instant: int) -> None:
    starts = [start for start in eco.periods if start is not None]
    assume(starts)
    if instant <= starts[0]:
        says = "No tie falls"
    elif instant not in starts:
        says = "lies inside a period"
    else:
        assert eco.window(until=moment(instant)).periods == tuple(start for start in starts if start < instant)
        return
    with pytest.raises(WindowError, match=says):
        eco.window(until=moment(instant))


@given(ecosystems(dated=True))
def test_windows_of_single_periods_add_up_to_the_window_over_them(eco: Ecosystem) -> None:
    starts = [moment(start) for start in eco.periods if start is not None]
    assume(starts)
    parts = [eco.window(since, until) for since, until in zip(starts, [*starts[1:], None], strict=True)]
    union = eco.window(starts[0])
    assert sorted(row for part in parts for row in rows(part)) == sorted(rows(union))
    assert [part.periods for part in parts] == [(start,) for start in union.periods]
    if union.ties.count is not None:
        assert union.ties.count.sum() == sum(int(part.tie_table()["count"].sum()) for part in parts)


@pytest.mark.parametrize("since", ["2024-02-01", date(2024, 2, 1), datetime(2024, 2, 1), "2024-02-01T00:00+00:00"])
def test_bounds_come_as_text_dates_and_datetimes(since: Any) -> None:
    assert weights_of(monthly().window(since)) == [2.0]
    assert weights_of(monthly().window(until=since)) == [1.0]
    assert monthly().window(since).window("2024-02-01", "2024-03-01").periods == monthly().periods[1:]


def test_no_bounds_is_everything() -> None:
    eco = monthly()
    assert eco.window() is eco


def test_bounds_outside_all_periods_are_exact() -> None:
    assert weights_of(monthly().window("1999-12-31T23:59", "2024-03-01")) == [1.0, 2.0]
    assert weights_of(monthly(days=("2024-01-01", "2024-05-01")).window("2024-03-17")) == [2.0]


def test_a_bound_off_the_edges_names_the_edges_around_it() -> None:
    with pytest.raises(WindowError, match=r"2024-02-10 lies inside a period; .* 2024-02-01 and 2024-03-01.\n.*every="):
        monthly().window("2024-02-10")
    with pytest.raises(WindowError, match="2024-02-01 and the open end"):
        monthly(every=None).window(until="2024-03-01")
    assert weights_of(monthly(every=None).window("2024-02-01")) == [2.0]


def test_months_follow_the_calendar_of_their_zone() -> None:
    eco = monthly("Asia/Jakarta", days=("2024-02-01", "2024-03-01"))
    assert weights_of(eco.window("2024-03-01", "2024-04-01")) == [2.0]
    assert weights_of(eco.window("2024-02-29T17:00Z", date(2024, 4, 1))) == [2.0]
    with pytest.raises(WindowError, match="edges around it are 2024-03-01 and 2024-04-01"):
        eco.window("2024-03-01T00:00Z")
    days = monthly("Europe/Berlin", "1d", ("2024-03-31", "2024-04-01"))  # a day of 23 hours
    assert weights_of(days.window("2024-03-31", "2024-04-01")) == [1.0]
    gap = monthly("Europe/Berlin", "1d", ("2024-03-31",))
    assert weights_of(gap.window(until="2024-03-31T22:00Z")) == [1.0]
    with pytest.raises(WindowError, match="2024-03-31 and 2024-04-01"):
        gap.window(until="2024-03-31T21:59Z")


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("2024-02-01", "2024-02-01", "it ends where it begins, or before"),
        ("2024-02-01", "2024-01-01", "it ends where it begins, or before"),
        ("2024-03-01", None, r"No tie falls .*\n.*between 2024-01-01 and 2024-03-01"),
        ("soon", None, "soon isn't a time"),
        (20240201, None, "20240201 isn't a time"),
        ("\x1b[31m", None, r"\\x1b\[31m isn't a time"),
    ],
)
def test_windows_that_mean_nothing_are_refused(since: Any, until: Any, says: str) -> None:
    with pytest.raises(WindowError, match=says):
        monthly().window(since, until)


def test_ties_of_all_time_have_no_windows() -> None:
    eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]})
    with pytest.raises(WindowError, match=r"no periods.*\n.*every="):
        eco.window("2024-01-01")


# Relations and layers


@given(ecosystems(), st.data())
def test_a_relation_view_holds_the_ties_of_its_relations(eco: Ecosystem, data: st.DataObject) -> None:
    names = [relation.name for relation in eco.relations]
    assume(names)
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    view = eco.relation(*chosen)
    assert rows(view) == [row for row in rows(eco) if row[2] in chosen]
    assert view.relations == tuple(relation for relation in eco.relations if relation.name in chosen)
    assert view.participants is eco.participants


@given(ecosystems())
def test_layers_are_relations_taken_together(eco: Ecosystem) -> None:
    for layer in ("service", "money"):
        names = [relation.name for relation in eco.relations if relation.layer == layer]
        if names:
            assert rows(eco.layer(layer)) == rows(eco.relation(*names))
        else:
            with pytest.raises(TieTableError, match=f"No relation is in the {layer} layer"):
                eco.layer(layer)


def test_unknown_relations_and_layers_get_the_nearest() -> None:
    eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1], "relation": ["ride"]})
    with pytest.raises(TieTableError, match=r"No relation 'rides' here.\n.*nearest relations: 'ride'"):
        eco.relation("rides")
    with pytest.raises(TieTableError, match="Name at least one relation"):
        eco.relation()
    with pytest.raises(TieTableError, match=r"No layer 'mony' here.\n.*nearest layers: 'money'"):
        eco.layer("mony")


# Participants


@given(ecosystems(), st.data())
def test_who_is_left_out_takes_their_ties_along(eco: Ecosystem, data: st.DataObject) -> None:
    out = data.draw(st.lists(st.sampled_from(eco.ids.to_list()), unique=True)) if len(eco) else []
    view = eco.without(out)
    assert rows(view) == [row for row in rows(eco) if row[0] not in out and row[1] not in out]
    assert view.participants.rows() == [row for row in eco.participants.rows() if row[0] not in out]
    assert view.indptr[-1] == view.out_ptr[-1] == len(view.ties)


@given(ecosystems())
def test_a_role_view_is_without_all_others(eco: Ecosystem) -> None:
    for role in eco.participants["role"].drop_nulls().unique():
        others = [id for id, other in eco.participants.select("id", "role").rows() if other != role]
        view, expected = eco.role(role), eco.without(others)
        assert view.participants.equals(expected.participants)
        assert view.tie_bytes() == expected.tie_bytes()


def test_unknown_participants_and_roles_get_the_nearest() -> None:
    ties = {"provider": ["ann"], "receiver": ["o"], "weight": [1]}
    eco = Ecosystem.from_ties(ties, {"id": ["ann", "o"], "role": ["driver", "platform"]})
    with pytest.raises(ParticipantError, match=r"No role 'Drivers' here.\n.*nearest roles: 'driver'"):
        eco.role("Drivers")
    with pytest.raises(ParticipantError, match=r"No participant 'anne' among 2.\n.*nearest ids: 'ann'"):
        eco.without(["o", "anne"])
    assert eco.without("ann").ids.to_list() == ["o"]
    assert sorted(eco.role("driver", "platform").ids) == ["ann", "o"]


@given(ecosystems(), st.data())
def test_views_can_be_taken_in_any_order(eco: Ecosystem, data: st.DataObject) -> None:
    assume(len(eco) and eco.relations)
    id = data.draw(st.sampled_from(eco.ids.to_list()))
    name = data.draw(st.sampled_from([relation.name for relation in eco.relations]))
    one, other = eco.without(id).relation(name), eco.relation(name).without(id)
    assert one.tie_bytes() == other.tie_bytes()
    assert one.relations == other.relations
