"""Centralities by shortest paths against exact references, NetworkX and graph-tool; closed forms, symmetries, laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, ParticipantError, UnitError, WindowError
from ecograph.metrics import searches
from ecograph.metrics.paths import betweenness_centrality, closeness_centrality, harmonic_centrality
from tests import reference
from tests.strategies import pairs

U = 2.0**-53
N = 8
IDS = [f"p{i}" for i in range(N)]
RTOL = (2 * N * N + 8) * U  # a value is a sum of at most N * N terms >= 0, each rounded a few times
LENGTHS: dict[str | None, Callable[[Fraction], Fraction]] = {
    None: lambda v: Fraction(1),
    "weight": lambda v: v,
    "inverse": lambda v: 1 / v,
}
Network = tuple[Ecosystem, reference.Operator]
lengths = st.sampled_from([None, "weight", "inverse"])


def build(ties: Iterable[tuple[Any, ...]], ids: Iterable[str] = ()) -> Ecosystem:
    rows = [(provider, receiver, float(weight), *(relation or ["r"])) for provider, receiver, weight, *relation in ties]
    columns = dict(zip(("provider", "receiver", "weight", "relation"), zip(*rows, strict=True), strict=True))
    return Ecosystem.from_ties({name: list(v) for name, v in columns.items()}, {"id": list(ids)} if ids else None)


def vector(eco: Ecosystem, values: Mapping[Any, Any]) -> NDArray[np.float64]:
    return np.array([float(values[id]) for id in eco.ids])


def digraph(w: reference.Operator, distance: str | None) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(w)
    for i, row in w.items():
        graph.add_weighted_edges_from((i, j, float(LENGTHS[distance](v))) for j, v in row.items())
    return graph


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Amounts are powers of two, some split over two relations: every length and every sum of them is exact."""
    ends = set(draw(pairs(N, 30))) | {(draw(st.integers(1, N - 1)), 0)}
    ties = []
    for i, j in sorted(ends):
        amount = draw(st.sampled_from([1.0, 1.0, 2.0, 0.5, 4.0]))
        parts = draw(st.sampled_from([[("r", 1.0)], [("r", 0.5), ("s", 0.5)]]))
        ties += [(f"p{i}", f"p{j}", amount * part, relation) for relation, part in parts]
    idle = draw(
        st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), st.sampled_from([0.0, -1.0])), max_size=4)
    )
    ties += [(i, j, v, "u") for i, j, v in idle]
    return build(ties, IDS), reference.amounts(ties, IDS)


@given(networks(), lengths, st.booleans(), st.booleans())
def test_betweenness_equals_the_exact_reference(
    network: Network, distance: str | None, endpoints: bool, reverse: bool
) -> None:
    eco, w = network
    exact = reference.betweenness_centrality(w, LENGTHS[distance], endpoints)  # the same for the graph turned round
    got = betweenness_centrality(eco, normalized=False, distance=distance, endpoints=endpoints, reverse=reverse)
    assert_allclose(got, vector(eco, exact), rtol=RTOL)


@given(networks(), lengths, st.booleans(), st.booleans())
def test_betweenness_equals_networkx(network: Network, distance: str | None, endpoints: bool, normalized: bool) -> None:
    eco, w = network
    theirs = nx.betweenness_centrality(
        digraph(w, distance), weight=distance and "weight", endpoints=endpoints, normalized=normalized
    )
    got = betweenness_centrality(eco, distance=distance, endpoints=endpoints, normalized=normalized)
    assert_allclose(got, vector(eco, theirs), rtol=2 * RTOL)


@given(networks(), lengths, st.booleans(), st.booleans())
def test_closeness_equals_reference_and_networkx(
    network: Network, distance: str | None, improved: bool, reverse: bool
) -> None:
    eco, w = network
    w = reference.turned(w) if reverse else w
    got = closeness_centrality(eco, distance=distance, wf_improved=improved, reverse=reverse)
    assert_allclose(got, vector(eco, reference.closeness_centrality(w, LENGTHS[distance], improved)), rtol=RTOL)
    theirs = nx.closeness_centrality(digraph(w, distance), distance=distance and "weight", wf_improved=improved)
    assert_allclose(got, vector(eco, theirs), rtol=2 * RTOL)
    assert (
        closeness_centrality(eco, "p3", distance=distance, wf_improved=improved, reverse=reverse)
        == (got[eco.row_of("p3")])
    )


@given(networks(), lengths, st.booleans())
def test_harmonic_equals_reference_and_networkx(network: Network, distance: str | None, reverse: bool) -> None:
    eco, w = network
    w = reference.turned(w) if reverse else w
    got = harmonic_centrality(eco, distance=distance, reverse=reverse)
    assert_allclose(got, vector(eco, reference.harmonic_centrality(w, LENGTHS[distance])), rtol=RTOL)
    theirs = nx.harmonic_centrality(digraph(w, distance), distance=distance and "weight")
    assert_allclose(got, vector(eco, theirs), rtol=2 * RTOL)
    some = ["p5", "p0", "p5"]
    assert_array_equal(harmonic_centrality(eco, some, distance=distance, reverse=reverse), got[eco.rows_of(some)])


def larger(seed: int = 3, n: int = 120) -> tuple[Ecosystem, nx.DiGraph]:
    """Enough for several sources a block and long heaps; whole lengths, so that many paths tie."""
    graph = nx.gnp_random_graph(n, 0.05, seed=seed, directed=True)
    rng = np.random.default_rng(seed)
    for _, _, data in graph.edges(data=True):
        data["weight"] = float(rng.integers(1, 6))
    return build([(f"p{i}", f"p{j}", w) for i, j, w in graph.edges(data="weight")], [f"p{i}" for i in graph]), graph


@pytest.mark.parametrize("distance", [None, "weight"])
def test_a_larger_graph_equals_networkx_and_graph_tool(distance: str | None) -> None:
    eco, graph = larger()
    weight = distance and "weight"
    got = betweenness_centrality(eco, distance=distance)
    rtol = (2 * 120**2 + 8) * U
    theirs = nx.betweenness_centrality(graph, weight=weight)
    assert_allclose(got, vector(eco, {f"p{i}": v for i, v in theirs.items()}), rtol=rtol)
    near = nx.closeness_centrality(graph, distance=weight)
    assert_allclose(
        closeness_centrality(eco, distance=distance), vector(eco, {f"p{i}": v for i, v in near.items()}), rtol=rtol
    )
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    from graph_tool.centrality import betweenness

    g = eco.to_graph_tool()
    assert_allclose(got, betweenness(g, weight=g.ep["weight"] if weight else None)[0].a, rtol=rtol)


# Closed forms


@pytest.mark.parametrize("n", [2, 3, 7, 40])
def test_on_a_path_all_have_a_closed_form(n: int) -> None:
    eco = build([(f"p{i}", f"p{i + 1}", 1.0) for i in range(n - 1)])
    at = np.array([int(id[1:]) for id in eco.ids])
    assert_array_equal(betweenness_centrality(eco, normalized=False), at * (n - 1 - at))
    steps = np.where(at > 0, 2 / (at + 1), 0)  # k before, k (k + 1) / 2 hops in all
    assert_allclose(closeness_centrality(eco, wf_improved=False), steps, rtol=4 * U)
    assert_allclose(closeness_centrality(eco), steps * at / (n - 1), rtol=6 * U)
    harmonic = np.array([sum(1 / d for d in range(1, k + 1)) for k in at])
    assert_allclose(harmonic_centrality(eco), harmonic, rtol=n * U)


@pytest.mark.parametrize("n", [3, 8, 41])
def test_on_a_circle_all_are_the_same(n: int) -> None:
    eco = build([(f"p{i}", f"p{(i + 1) % n}", 2.0) for i in range(n)])
    assert_allclose(betweenness_centrality(eco), 0.5, rtol=4 * U)
    assert_allclose(betweenness_centrality(eco, endpoints=True), (n / 2 + 1) / n, rtol=4 * U)
    assert_allclose(closeness_centrality(eco, distance="inverse"), 4 / n, rtol=4 * U)
    assert_allclose(closeness_centrality(eco, distance="weight"), 1 / n, rtol=4 * U)


@pytest.mark.parametrize("leaves", [2, 3, 50])
def test_all_paths_of_a_star_pass_its_middle(leaves: int) -> None:
    eco = build([t for i in range(leaves) for t in ((f"p{i}", "o", 1.0), ("o", f"p{i}", 1.0))])
    between = betweenness_centrality(eco)
    assert between[eco.row_of("o")] == between.sum() == 1.0
    assert closeness_centrality(eco, "o") == 1.0
    assert_allclose(closeness_centrality(eco, "p0"), leaves / (2 * leaves - 1), rtol=4 * U)


@pytest.mark.parametrize("distance", [None, "weight"])
def test_a_long_row_of_diamonds_has_more_paths_than_an_integer_holds(distance: str | None) -> None:
    """2**80 paths from end to end; each side of the middle diamond has half of all that pass."""
    k = 80
    ties = [t for i in range(k) for s in "xy" for t in ((f"j{i}", f"{s}{i}", 1.0), (f"{s}{i}", f"j{i + 1}", 1.0))]
    eco = build(ties)
    got = betweenness_centrality(eco, distance=distance, normalized=False)
    before, after = 3 * 40 + 1, 3 * 39 + 1  # on the way to x40, and from it: those with their paths through it
    assert got[eco.row_of("x40")] == got[eco.row_of("y40")] == before * after / 2


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")  # kernels as plain Python warn
@pytest.mark.parametrize("diamonds", [1024, 1100])  # the end of the 1024th is the first participant with 2**1024 paths
def test_more_paths_than_float64_counts_are_refused(diamonds: int) -> None:
    ties = [
        t for i in range(diamonds) for s in "xy" for t in ((f"j{i}", f"{s}{i}", 1.0), (f"{s}{i}", f"j{i + 1}", 1.0))
    ]
    with pytest.raises(EcographError, match="more shortest paths"):
        betweenness_centrality(build(ties))


def test_an_arrow_too_short_to_be_seen_beside_its_path_makes_no_circle() -> None:
    """a is 1e20 away from s, and the arrows between a and b are lost in rounding: each is settled once."""
    ties = [("s", "a", 1e20), ("a", "b", 1.0), ("b", "a", 1.0), ("b", "c", 1.0)]
    eco = build(ties)
    got = betweenness_centrality(eco, distance="weight", normalized=False)
    assert dict(zip(eco.ids, got.tolist(), strict=True)) == {"s": 0.0, "a": 2.0, "b": 2.0, "c": 0.0}


# Symmetries and laws


def distances_by_breadth(eco: Ecosystem) -> float:
    graph = nx.DiGraph(eco.to_networkx())
    return float(sum(d - 1 for _, row in nx.all_pairs_shortest_path_length(graph) for d in row.values() if d > 0))


def test_betweenness_adds_up_to_what_lies_between_all_pairs() -> None:
    eco, _ = larger(seed=8)
    assert_allclose(betweenness_centrality(eco, normalized=False).sum(), distances_by_breadth(eco), rtol=1e-11)


@given(networks(), st.integers(-20, 20))
@settings(max_examples=15)
def test_the_unit_of_lengths(network: Network, e: int) -> None:
    eco, w = network
    plain = [(i, j, float(v)) for i, row in w.items() for j, v in row.items()]
    scaled = build([(i, j, v * 2.0**e) for i, j, v in plain], IDS)
    eco = build(plain, IDS)
    assert_array_equal(
        betweenness_centrality(scaled, distance="weight"), betweenness_centrality(eco, distance="weight")
    )
    harmonic = harmonic_centrality(eco, distance="inverse")
    assert_array_equal(harmonic_centrality(scaled, distance="inverse"), harmonic * 2.0**e)


@pytest.mark.parametrize("distance", [None, "weight", "inverse"])
def test_threads_and_rounds_give_the_same_bits(distance: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    eco, _ = larger()
    measures: tuple[Callable[..., Any], ...] = (betweenness_centrality, closeness_centrality, harmonic_centrality)
    many = numba.config.NUMBA_NUM_THREADS
    results = []
    for threads, work in ((1, 10**9), (min(2, many), 10**9), (many, 1)):
        numba.set_num_threads(threads)
        monkeypatch.setattr(searches, "WORK", work)
        results.append([measure(eco, distance=distance) for measure in measures])
    numba.set_num_threads(many)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert_array_equal(one, two)


# What is refused, and what is said on the way


def test_progress_counts_sources_and_can_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "WORK", 1)
    eco, _ = larger()
    said: list[float] = []
    for measure in (betweenness_centrality, closeness_centrality, harmonic_centrality):
        said.clear()
        measure(eco, progress=lambda label, done, total: said.append(done))
        assert said == [*range(16, 120, 16), 120]

    def stop(label: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        betweenness_centrality(eco, progress=stop)


def test_what_can_not_be_a_length_is_refused() -> None:
    eco = build([("a", "b", 1e-320), ("b", "c", 1.0)])
    with pytest.raises(EcographError, match="add up"):
        betweenness_centrality(eco, distance="inverse")
    with pytest.raises(EcographError, match="distance='km'"):
        closeness_centrality(eco, distance="km")
    with pytest.raises(ParticipantError):
        closeness_centrality(eco, "z")
    with pytest.raises(ParticipantError):
        harmonic_centrality(eco, ["a", "z"])
    with pytest.raises(WindowError):
        betweenness_centrality(Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}, {"id": ["alone"]}))


def test_hops_need_no_common_unit_and_lengths_do() -> None:
    ties = {"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [3, 1], "relation": ["ride", "pay"]}
    eco = Ecosystem.from_ties(ties, relations={"ride": "1", "pay": "USD"})
    assert betweenness_centrality(eco)[eco.row_of("b")] == 0.5
    with pytest.raises(UnitError):
        betweenness_centrality(eco, distance="inverse")
    assert harmonic_centrality(eco, ["b"], distance="inverse", relation_weights={"ride": 2.0, "pay": 1.0}) == 6.0
