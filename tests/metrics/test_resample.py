"""Ecosystems drawn anew: the laws of their weights, and what a draw depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, ParticipantError
from ecograph.metrics import reliance
from ecograph.metrics import resample as module
from ecograph.metrics.resample import drop_events, redraw, replicate_values, tie_draw_keys
from tests.strategies import ecosystems, tie_tables

PLAIN = bool(numba.config.DISABLE_JIT)
MANY = 20 if PLAIN else 4000
SOME = 20 if PLAIN else 1500  # where a replicate takes longer


def build(weight: list[float], *, sq: list[float] | None = None, count: list[int] | None = None) -> Ecosystem:
    """One provider a tie, p0, p1, ..., to o."""
    ids = [f"p{i}" for i in range(len(weight))]
    ties: dict[str, Any] = {"provider": ids, "receiver": ["o"] * len(ids), "weight": weight}
    if sq is not None:
        ties["weight_sq"] = sq
    if count is not None:
        ties["count"] = count
    return Ecosystem.from_ties(ties)


def by_provider(eco: Ecosystem, column: str = "weight") -> dict[str, float]:
    return dict(zip(eco.ids[eco.ties.provider], getattr(eco.ties, column).tolist(), strict=True))


def by_row(eco: Ecosystem) -> Any:
    return np.array(eco.ties.count)


def weights(eco: Ecosystem, replicates: int = MANY, seed: int = 5) -> Any:
    """Drawn weights by replicate, columns p0, p1, ..."""
    drawn = np.array([redraw(eco, seed, r).ties.weight for r in range(replicates)])
    return drawn[:, np.argsort([int(id[1:]) for id in eco.ids[eco.ties.provider]])]


@pytest.mark.skipif(PLAIN, reason="as plain Python too few draws can be made to see a law")
def test_drawn_weights_have_the_mean_and_the_variance_of_the_definition() -> None:
    """Shapes: 4 by the squares; held at 1 (refunds) and at count; 1 for one event."""
    eco = build([8.0, 3.0, 6.0, 2.0], sq=[16.0, 30.0, 4.0, 4.0], count=[5, 4, 3, 1])
    shape = np.array([4.0, 1.0, 3.0, 1.0])
    mean, drawn = np.array([8.0, 3.0, 6.0, 2.0]), weights(eco)
    assert (np.abs(drawn.mean(0) / mean - 1) < 4 / np.sqrt(shape * MANY)).all()
    spread = np.sqrt((2 + 6 / shape) / MANY)  # of the variance, relative; a gamma's excess is 6 / shape
    assert (np.abs(drawn.var(0) / (mean**2 / shape) - 1) < 4 * spread).all()
    assert (np.abs(np.corrcoef(drawn.T) - np.eye(4)) < 4 / MANY**0.5).all()


@pytest.mark.skipif(PLAIN, reason="as plain Python too few draws can be made to see a law")
def test_without_squares_events_count_as_equal() -> None:
    drawn = weights(build([10.0], count=[25]))
    assert abs(drawn.var() / 4.0 - 1) < 4 * ((2 + 6 / 25) / MANY) ** 0.5


@given(st.integers(-40, 40), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_the_unit_of_weight_cancels_to_the_bit(k: int, seed: int, replicate: int) -> None:
    eco = build([8.0, 3.0, 0.1], sq=[16.0, 4.5, 0.003], count=[5, 4, 9])
    scaled = build([w * 2.0**k for w in (8.0, 3.0, 0.1)], sq=[w * 4.0**k for w in (16.0, 4.5, 0.003)], count=[5, 4, 9])
    expected = redraw(eco, seed, replicate).ties.weight * 2.0**k
    assert_array_equal(redraw(scaled, seed, replicate).ties.weight, expected)


def named(eco: Ecosystem, column: str) -> dict[Any, float]:
    table = eco.tie_table()
    keys = table.select("provider", "receiver", "relation", "period").rows()
    return dict(zip(keys, getattr(eco.ties, column).tolist(), strict=True))


@given(tie_tables(dated=True), st.integers(0, 3))
def test_a_view_gets_the_same_draws(tables: tuple[pl.DataFrame, pl.DataFrame], replicate: int) -> None:
    ties, people = tables
    eco = Ecosystem.from_ties(ties.with_columns(count=pl.lit(3)), people)
    changes: list[Callable[[Ecosystem], Ecosystem]] = [
        lambda it: redraw(it, 7, replicate),
        lambda it: drop_events(it, 0.5, 7, replicate),
    ]
    for change in changes:
        whole = named(change(eco), "weight")
        views = [eco.without(eco.ids[0])] if len(eco) > 1 else []
        views += [eco.relation(it.name) for it in eco.relations]
        for view in views:
            drawn = named(change(view), "weight")
            assert drawn == {key: whole[key] for key in drawn}
            assert len(drawn) == len(view.ties)


@given(ecosystems())
def test_keys_are_hashes_of_who_what_and_when(eco: Ecosystem) -> None:
    def digest(text: str) -> bytes:
        return xxhash.xxh64(text.encode(), seed=0).intdigest().to_bytes(8, "little")

    ties = eco.ties
    expected = []
    for i, j, r, t in zip(ties.provider, ties.receiver, ties.relation, ties.period, strict=True):
        start = eco.periods[t]
        instant = (-(2**63) if start is None else start).to_bytes(8, "little", signed=True)
        words = digest(eco.ids[int(i)]) + digest(eco.ids[int(j)]) + digest(eco.relations[r].name) + instant
        expected.append(xxhash.xxh64(words, seed=0).intdigest())
    assert tie_draw_keys(eco).tolist() == expected
    assert tie_draw_keys(eco) is tie_draw_keys(eco)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 2)
        assert tie_draw_keys(replace(eco)).tolist() == expected


@given(ecosystems(), st.integers(0, 5))
def test_only_weights_of_active_ties_change(eco: Ecosystem, replicate: int) -> None:
    eco = replace(eco, ties=replace(eco.ties, count=np.full(len(eco.ties), 4)))
    before = eco.tie_bytes()
    drawn, dropped = redraw(eco, 1, replicate), drop_events(eco, 0.4, 1, replicate)
    assert eco.tie_bytes() == before
    for new in (drawn, dropped):
        for name in ("provider", "receiver", "relation", "period", "first", "last"):
            assert_array_equal(new.ties.columns.get(name, 0), eco.ties.columns.get(name, 0))
        assert_array_equal(new.ties.weight[~eco.active], eco.ties.weight[~eco.active])
        assert_array_equal(by_row(new)[~eco.active], 4)
        assert_array_equal(new.active, (new.ties.weight > 0) & eco.active)
        assert (new.participants is eco.participants, new.relations) == (True, eco.relations)
        for name in ("ids", "indptr", "out_ptr", "out_rows", "seen"):
            assert_array_equal(getattr(new, name), getattr(replace(new), name))
        assert_array_equal(tie_draw_keys(new), tie_draw_keys(replace(new)))
    assert (drawn.ties.weight[eco.active] != eco.ties.weight[eco.active]).all()
    assert_array_equal(drawn.active, eco.active)


def test_replicates_and_seeds_give_other_draws_and_the_same_ones_again() -> None:
    eco = build([1.0, 2.0], count=[3, 4])
    drawn = {(s, r): tuple(redraw(eco, s, r).ties.weight) for s in (0, 1, 2**64 - 1) for r in (0, 1, 2**32 - 1)}
    assert len(set(drawn.values())) == 9
    assert tuple(redraw(build([1.0, 2.0], count=[3, 4]), 1, 1).ties.weight) == drawn[1, 1]


def cut(cluster: list[int | None], weight: list[float], count: list[int]) -> Ecosystem:
    """Parts of ties from a, b, c in turn to o."""
    names = ["a", "b", "c"]
    provider = [names[k % 3] for k in range(len(weight))]
    table = {"provider": provider, "receiver": ["o"] * len(weight), "weight": weight, "count": count}
    squares = [w * w / n for w, n in zip(weight, count, strict=True)]
    return Ecosystem.from_ties(table | {"weight_sq": squares, "cluster": cluster})


def test_parts_of_one_cluster_move_together() -> None:
    eco = cut([5, 5, 2], [1.0, 2.0, 4.0], [1, 1, 1])
    drawn = np.array([list(by_provider(redraw(eco, 1, r)).values()) for r in range(SOME)])
    given = np.array(list(by_provider(eco).values()))
    ratio = dict(zip(by_provider(eco), (drawn / given).T, strict=True))
    np.testing.assert_allclose(ratio["a"], ratio["b"], rtol=1e-15)
    assert (ratio["a"] != ratio["c"]).all()
    if not PLAIN:
        for one in (ratio["a"], ratio["c"]):
            assert abs(one.mean() - 1) < 4 / SOME**0.5
            assert abs(one.var() - 1) < 4 * (8 / SOME) ** 0.5
        assert abs(np.corrcoef(ratio["a"], ratio["c"])[0, 1]) < 4 / SOME**0.5


@pytest.mark.skipif(PLAIN, reason="as plain Python too few draws can be made to see a law")
def test_a_tie_varies_by_its_clusters_and_by_the_events_of_none() -> None:
    """Tie a: 3 of cluster 0, a refund of 1 in cluster 1, 6 by 12 events of none; b: 2 of cluster 1, 4 of none."""
    eco = cut([0, 1, None, 1, None, None, None], [3.0, 2.0, 6.0, -1.0, 4.0, 1.0, 6.0], [1, 1, 3, 1, 4, 1, 12])
    drawn = np.array([[by_provider(redraw(eco, 1, r))[name] for name in "abc"] for r in range(SOME)])
    variance = [9 + 1 + 36 / 12, 4 + 16 / 4, 49 / (49 / 13)]  # c: 36 / 3 + 1 / 1 is the sum of squares of its two parts
    covariance = np.cov(drawn.T)
    np.testing.assert_allclose(drawn.mean(0), [8.0, 6.0, 7.0], atol=4 * (13 / SOME) ** 0.5)
    np.testing.assert_allclose(np.diag(covariance), variance, rtol=4 * (8 / SOME) ** 0.5)
    assert covariance[0, 1] == pytest.approx(-2.0, abs=4 * (13 * 8 / SOME) ** 0.5)
    assert abs(covariance[0, 2]) < 4 * (13 * 13 / SOME) ** 0.5


@given(ecosystems(clusters=True), st.integers(0, 99))
def test_without_named_clusters_and_in_drops_clusters_change_no_draw(eco: Ecosystem, replicate: int) -> None:
    if eco.ties.count is None:
        return
    assert drop_events(eco, 0.3, 1, replicate).tie_bytes() == drop_events(eco.pooled, 0.3, 1, replicate).tie_bytes()
    alone = replace(eco.pooled, ties=replace(eco.pooled.ties, cluster=np.full(len(eco.pooled.ties), -1)))
    assert redraw(alone, 1, replicate).tie_bytes() == redraw(eco.pooled, 1, replicate).tie_bytes()


@given(ecosystems(clusters=True, dated=True), st.integers(0, 99))
def test_a_cluster_gets_the_same_draw_in_a_view(eco: Ecosystem, replicate: int) -> None:
    if eco.ties.count is None:
        return
    for each in eco.relations:
        view = eco.relation(each.name)
        one, other = redraw(view, 1, replicate), redraw(eco, 1, replicate).relation(each.name)
        assert_array_equal(one.ties.weight, other.ties.weight)


# Dropping events


def test_no_share_changes_nothing_and_all_is_refused() -> None:
    eco = build([1.0, 2.0], count=[3, 4])
    assert drop_events(eco, 0.0, 1, 1) is eco
    for share in (1.0, -0.1, float("nan")):
        with pytest.raises(EcographError, match="isn't in"):
            drop_events(eco, share, 1, 1)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.sampled_from([0.1, 0.5, 0.95]), st.integers(0, 99))
def test_weights_and_squares_shrink_with_their_events(counts: list[int], share: float, replicate: int) -> None:
    eco = build([3.0 * n for n in counts], sq=[9.0 * n for n in counts], count=counts)
    dropped = drop_events(eco, share, 1, replicate)
    kept, squares = dropped.ties.count, dropped.ties.weight_sq
    assert kept is not None
    assert squares is not None
    assert ((kept >= 0) & (kept <= by_row(eco))).all()
    np.testing.assert_allclose(dropped.ties.weight, 3.0 * kept, rtol=3 * 2**-53)
    np.testing.assert_allclose(squares, 9.0 * kept, rtol=3 * 2**-53)
    assert_array_equal(dropped.ties.weight == 0, kept == 0)


@pytest.mark.skipif(PLAIN, reason="as plain Python too few draws can be made to see a law")
def test_events_kept_have_binomial_moments() -> None:
    counts = np.array([1, 7, 30, 5000])
    eco = build([1.0] * 4, count=counts.tolist())
    kept = np.array([list(by_provider(drop_events(eco, 0.3, 2, r), "count").values()) for r in range(MANY)])
    n = np.array(list(by_provider(eco, "count").values()))
    assert (np.abs(kept.mean(0) - 0.7 * n) < 4 * np.sqrt(0.21 * n / MANY)).all()
    assert (np.abs(kept.var(0) / (0.21 * n) - 1) < 4 * np.sqrt(2 / MANY + 1 / (MANY * 0.21 * n))).all()


# Many replicates


def test_rows_are_replicates_and_failures_are_counted() -> None:
    eco = build([1.0, 2.0], count=[1, 1])

    def direct(drawn: Ecosystem) -> Any:
        ledger = reliance(drawn, "o", lenses=["direct"], by="direct")
        values = dict(ledger.table.select("id", "direct").iter_rows())
        return [values.get("p0", 0.0), values.get("p1", 0.0)]

    drawn, failed = replicate_values(eco, direct, replicates=40, seed=3, how="drop", share=0.5)
    gone = [r for r in range(40) if not drop_events(eco, 0.5, 3, r).ties.weight.any()]
    assert 0 < len(gone) < 40
    assert [r for r, _ in failed] == gone
    assert all("counts" in said for _, said in failed)
    assert_array_equal(np.flatnonzero(np.isnan(drawn).any(1)), gone)
    assert_array_equal(
        drawn[39 if 39 not in gone else 38], direct(drop_events(eco, 0.5, 3, 39 if 39 not in gone else 38))
    )


def test_progress_counts_replicates() -> None:
    seen: list[Any] = []
    eco = build([1.0], count=[2])
    drawn, _ = replicate_values(eco, lambda it: it.ties.weight, replicates=3, progress=lambda *tick: seen.append(tick))
    assert seen == [("replicates", k, 3) for k in (1, 2, 3)]
    assert_array_equal(drawn, [redraw(eco, 0, r).ties.weight for r in range(3)])


def test_what_cannot_be_resampled_is_refused() -> None:
    eco = build([1.0], count=[2])
    with pytest.raises(EcographError, match="how many events"):
        redraw(build([1.0], sq=[1.0]), 0, 0)
    with pytest.raises(EcographError, match="how many events"):
        drop_events(build([1.0]), 0.1, 0, 0)
    with pytest.raises(EcographError, match="count below 1"):
        redraw(replace(eco, ties=replace(eco.ties, count=np.array([0]))), 0, 0)
    for seed, replicate in ((-1, 0), (2**64, 0), (0, -1), (0, 2**32), (True, 0), (0.5, 0)):
        with pytest.raises(EcographError, match="whole number"):
            redraw(eco, seed, replicate)  # type: ignore[arg-type]
    for options in ({"how": "jackknife"}, {"replicates": 0}, {"replicates": True}):
        with pytest.raises(EcographError):
            replicate_values(eco, lambda it: it.ties.weight, **options)
    sizes = iter([1, 2, 1])
    with pytest.raises(EcographError, match="1 numbers for one replicate and 2"):
        replicate_values(eco, lambda it: np.ones(next(sizes)), replicates=3)

    def never(drawn: Ecosystem) -> Any:
        raise ParticipantError("nobody left")

    with pytest.raises(EcographError, match=r"All 2 replicates failed.*nobody left"):
        replicate_values(eco, never, replicates=2)
    with pytest.raises(ZeroDivisionError):  # a mistake in the function is no failed replicate
        replicate_values(eco, lambda it: 1 / 0, replicates=2)


def test_weights_too_small_or_large_to_square_have_a_shape() -> None:
    eco = build([1e-200, 1e150], sq=[0.0, 1e300], count=[4, 4])
    assert_array_equal(module._shapes(eco)[np.argsort(eco.ties.weight)], [4.0, 1.0])
