"""Eight cascades in one sweep: each gets the bits that plain arithmetic, one shock at a time, gives it."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from ecograph.cpu import cascade as kernels
from ecograph.cpu import threads
from ecograph.cpu.cascade_ahead import rounds_ahead
from ecograph.cpu.cascade_lanes import LANES
from ecograph.ecosystem import Ecosystem
from ecograph.metrics.cascade import cascade_loss, esri
from ecograph.metrics.cascade_network import Built, build
from ecograph.metrics.cascade_state import cascade_state

ESSENTIAL = {(f"g{a}", f"g{b}"): (a * b) % 3 for a in range(5) for b in range(5)}


def sparse_world(n: int = 120, seed: int = 1) -> Ecosystem:
    """A long chain with shortcuts: first rounds look at few rows, later ones at most. One market sells nearly all."""
    rng = np.random.default_rng(seed)
    ends = {(i, i + 1) for i in range(n - 1)} | {(int(a), int(b)) for a, b in rng.integers(0, n, (3 * n, 2)) if a != b}
    provider, receiver = (np.array(each) for each in zip(*sorted(ends), strict=True))
    weight = rng.lognormal(0.0, 1.0, provider.size) * np.where(provider == 5, 1e9, 1.0)
    ids = np.array([f"p{i:03}" for i in range(n)])
    people = {"id": ids, "group": [f"g{g}" for g in rng.integers(0, 5, n)], "external_demand": rng.exponential(1.0, n),
              "external_cost": rng.exponential(1.0, n)}  # fmt: skip
    return Ecosystem.from_ties({"provider": ids[provider], "receiver": ids[receiver], "weight": weight}, people)


def plain(built: Built, closed: int, rounds: int, substitute: bool) -> tuple[list[float], list[float]]:
    """hd and hu of a cascade in Python's floats, every row in every round; sums as the kernels promise to make them."""
    net, markets = built.network, built.network.markets
    n, out = net.seat.size, markets.out.tolist()
    psi = [0.0 if i == net.seat[closed] else 1.0 for i in range(n)]
    states = []
    for channel, shared in ((net.down, substitute), (net.up, False)):
        h = list(psi)
        for _ in range(rounds):
            felt = [1.0 - left for left in h]
            for m in range(markets.total.size) if shared else ():
                rows = range(markets.ptr[m], markets.ptr[m + 1])
                lost = offer = 0.0
                for i in rows:
                    lost += out[i] * (1.0 - h[i])
                    offer += out[i] * h[i]
                if lost <= float(markets.total[m]) - lost:
                    offer = float(markets.total[m]) - lost
                for i in rows:
                    if out[i] > 0.0:
                        felt[i] *= out[i] / max(out[i], offer)
            for t in range(n):
                worst = 0.0
                for r in range(channel.first[t], channel.first[t + 1]):
                    lost = 0.0
                    for e in range(channel.bound[r], channel.bound[r + 1]):
                        lost += float(channel.weight[e]) * felt[channel.column[e]]
                    worst = max(worst, lost)
                i = channel.row[t]
                h[i] = min(psi[i], max(0.0, 1.0 - worst))
        states.append([h[i] for i in net.seat])
    return states[0], states[1]


@pytest.mark.parametrize("substitution", ["market", "off"])
def test_a_cascade_has_the_bits_of_plain_arithmetic(substitution: str) -> None:
    """Vector instructions and rows passed over change none."""
    eco = sparse_world()
    asked: Any = {"essentiality": ESSENTIAL, "substitution": substitution}
    built = build(eco, ESSENTIAL, None, None, None)
    hub = eco.row_of("p005")
    market = built.network.markets.market[built.network.seat[hub]]
    assert 2 * built.out[hub] > built.network.markets.total[market]  # more than half is lost: what is left is summed
    for closed in (hub, 40, 119):
        rounds = cascade_loss(eco, [eco.ids[closed]], **asked).iterations
        state = cascade_state(eco, eco.ids[closed], **asked)
        hd, hu = plain(built, closed, rounds, substitution == "market")
        assert_array_equal(state["hd"], hd)
        assert_array_equal(state["hu"], hu)


@pytest.mark.parametrize("reference", [True, False])
def test_company_order_and_threads_change_no_bit(reference: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    eco = sparse_world(seed=2)
    asked: Any = {"essentiality": ESSENTIAL, "reference": reference}
    together = esri(eco, **asked).table
    alone = [cascade_loss(eco, [id], **asked).table.rename({"closure": "id"}) for id in eco.ids[::13]]
    for k, row in enumerate(alone):
        assert together[13 * k : 13 * k + 1].equals(row)
    turned = cascade_loss(eco, eco.ids[::-1].to_list(), **asked).table.rename({"closure": "id"})
    assert turned.reverse().equals(together)
    many = numba.get_num_threads()
    try:
        for count, worth in ((1, 1), (min(3, many), 0)):
            numba.set_num_threads(count)
            monkeypatch.setattr(threads, "WORTH", worth)
            assert esri(eco, **asked).table.equals(together)
    finally:
        numba.set_num_threads(many)


def test_a_bound_is_never_below_what_rounding_may_hide() -> None:
    """Two buy from each other; one also from a thousand others, a sum that may be off by a unit for each of them."""
    ends = [("x", "y", 1000.0), ("y", "x", 2.0), ("a", "x", 2.0), *((f"s{k:04}", "y", 1.0) for k in range(1000))]
    provider, receiver, weight = zip(*ends, strict=True)
    eco = Ecosystem.from_ties({"provider": provider, "receiver": receiver, "weight": weight})
    found = cascade_loss(eco, [{"a": 0.3}], tol=1e-15).table.row(0, named=True)
    assert 0.0 < found["residual"] <= 1e-15
    assert 1000 * 2.0**-53 <= found["error_bound"] <= 1e-11


def test_rows_that_nothing_reached_are_not_visited() -> None:
    """Of 64 separate chains of 64 links a shock reaches one, and looks at no arrow of the others."""
    ends = [(f"c{c:02}-{k:02}", f"c{c:02}-{k + 1:02}") for c in range(64) for k in range(64)]
    eco = Ecosystem.from_ties(
        {"provider": [p for p, _ in ends], "receiver": [r for _, r in ends], "weight": [1.0] * 4096}
    )
    built, visits = build(eco, None, None, None, None), list[int]()
    row = np.array([eco.row_of("c05-30")], np.int32)
    rule = kernels.Rule(True, False, 1e-8, 100)
    _, run = kernels.run_lanes(
        built.network, rule, np.array([0, 1]), row, np.zeros(1), np.ones(len(eco)), False, visits
    )
    assert run[0, 0] == 35  # 34 links down, 30 up, and one round that changes nothing
    assert visits == [34 + 30]


def test_lanes_that_stop_together_keep_each_other_company() -> None:
    """Short chains of sales and long ones in turn: eight lanes are run until the last stops, so kinds are put apart."""
    ends = [(f"s{k:03}-{q}", f"s{k:03}-{q + 1}") for k in range(64) for q in range(2 + 10 * (k % 2))]
    eco = Ecosystem.from_ties(
        {"provider": [p for p, _ in ends], "receiver": [r for _, r in ends], "weight": [1.0] * len(ends)}
    )
    built = build(eco, None, None, None, None)
    last = np.array([eco.row_of(f"s{k:03}-{2 + 10 * (k % 2)}") for k in range(64)], np.int32)
    rule = kernels.Rule(True, False, 1e-8, 100)
    ahead = rounds_ahead(built.network, rule, np.arange(65), last)
    _, run = kernels.run_lanes(built.network, rule, np.arange(65), last, np.zeros(64), np.ones(len(eco)), False)
    rounds: NDArray[np.float64] = run[np.argsort(ahead, kind="stable"), 0].reshape(-1, LANES)
    assert set(run[:, 0]) == {3.0, 13.0}
    assert (rounds.max(axis=1) == rounds.min(axis=1)).all()
