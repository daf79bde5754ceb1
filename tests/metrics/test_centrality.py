"""Linear centralities and degrees against exact references and NetworkX; then closed forms, symmetries and laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError, ParticipantError, UnitError, WindowError
from ecograph.metrics.centrality import eigenvector_centrality, hits, katz_centrality, pagerank
from ecograph.metrics.degrees import (
    core_number,
    degree_centrality,
    in_degree_centrality,
    in_strength,
    out_degree_centrality,
    out_strength,
)
from tests import reference
from tests.strategies import pairs

U = 2.0**-53
N = 7
IDS = [f"p{i}" for i in range(N)]
Ties = list[tuple[str, str, float, str]]
Vector = dict[str, float]


def build(ties: Iterable[tuple[Any, ...]], ids: Iterable[str] = ()) -> Ecosystem:
    """Ties with or without a relation, and participants that may have none."""
    rows = [(provider, receiver, float(weight), *(relation or ["r"])) for provider, receiver, weight, *relation in ties]
    columns = dict(zip(("provider", "receiver", "weight", "relation"), zip(*rows, strict=True), strict=True))
    return Ecosystem.from_ties({name: list(v) for name, v in columns.items()}, {"id": list(ids)} if ids else None)


def vector(eco: Ecosystem, values: Mapping[Any, Any]) -> NDArray[np.float64]:
    return np.array([float(values[id]) for id in eco.ids])


def digraph(w: reference.Operator) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(w)
    graph.add_weighted_edges_from((i, j, float(v)) for i, row in w.items() for j, v in row.items())
    return graph


@st.composite
def networks(draw: st.DrawFn, *, joined: bool = False) -> tuple[Ecosystem, reference.Operator]:
    """At random, a hub, a chain or islands; parallel ties, self-ties, dead ends, weights <= 0; one tie counts.

    ``joined``: a circle through all of them on top.
    """
    weights = st.sampled_from([1, 1, 2, 3, 7, 0.5, 0.1, 100, 0, -2])
    ties = [(f"p{i}", f"p{j}", float(draw(weights)), draw(st.sampled_from("rs"))) for i, j in draw(pairs(N, 20))]
    circle = [(i, (i + 1) % N) for i in range(N)] if joined else [(draw(st.integers(1, N - 1)), 0)]
    ties += [(f"p{i}", f"p{j}", draw(st.sampled_from([1.0, 4.0])), "t") for i, j in circle]
    return build(ties, IDS), reference.amounts(ties, IDS)


def vectors() -> st.SearchStrategy[Vector]:
    some = st.dictionaries(st.sampled_from(IDS), st.sampled_from([0.0, 1.0, 2.5]), min_size=1)
    return some.filter(lambda given: sum(given.values()) > 0)


# PageRank


@settings(max_examples=25)
@given(networks(), st.sampled_from([0.0, 0.5, 0.85, 0.95]), st.none() | vectors(), st.none() | vectors(), st.booleans())
def test_pagerank_equals_the_exact_reference(
    network: tuple[Ecosystem, reference.Operator],
    alpha: float,
    restart: Vector | None,
    dangling: Vector | None,
    reverse: bool,
) -> None:
    eco, w = network
    exact = reference.pagerank(reference.turned(w) if reverse else w, alpha, restart, dangling)
    got = pagerank(eco, alpha=alpha, personalization=restart, dangling=dangling, reverse=reverse)
    slack = (N + 8) * U / (1 - alpha)  # the rounding that the docstring states
    assert np.abs(got - vector(eco, exact)).sum() <= 1e-10 + slack
    assert abs(got.sum() - 1.0) <= slack


@settings(max_examples=25)
@given(networks(), st.none() | vectors(), st.none() | vectors(), st.sampled_from(["weight", None]))
def test_pagerank_equals_networkx(
    network: tuple[Ecosystem, reference.Operator], restart: Vector | None, dangling: Vector | None, weight: str | None
) -> None:
    eco, w = network
    graph = digraph(w if weight else reference.counted(w))
    theirs = nx.pagerank(graph, personalization=restart, dangling=dangling, tol=1e-13, max_iter=1000)
    got = pagerank(eco, personalization=restart, dangling=dangling, weight=weight)
    # NetworkX stops at a change of n * tol, which leaves alpha / (1 - alpha) < 6 times that.
    assert_allclose(got, vector(eco, theirs), rtol=0, atol=1e-10 + 6 * N * 1e-13 + 1e-13)


@settings(max_examples=15)
@given(networks(), st.lists(vectors(), min_size=1, max_size=5), vectors())
def test_lanes_of_pagerank_are_each_alone(
    network: tuple[Ecosystem, reference.Operator], restarts: list[Vector], start: Vector
) -> None:
    eco, _ = network
    lanes = pagerank(eco, personalization=restarts, nstart=start)
    assert lanes.shape == (N, len(restarts))
    for k, restart in enumerate(restarts):
        alone = pagerank(eco, personalization=restart)
        assert np.abs(lanes[:, k] - alone).sum() <= 2e-10 + 2 * (N + 8) * U / 0.15


# Katz


@settings(max_examples=25)
@given(networks(), st.sampled_from([0.01, 0.1]), st.just(dict.fromkeys(IDS, 1.0)) | vectors(), st.booleans())
def test_katz_equals_the_exact_reference(
    network: tuple[Ecosystem, reference.Operator], alpha: float, beta: Vector, reverse: bool
) -> None:
    eco, w = network
    w = reference.turned(w) if reverse else w
    radius = max(abs(np.linalg.eigvals(nx.to_numpy_array(digraph(w), nodelist=IDS))))
    alpha = min(alpha, 0.5 / max(radius, 1.0))
    exact = vector(eco, reference.katz_centrality(w, alpha, beta))
    got = katz_centrality(eco, alpha=alpha, beta=beta, normalized=False, weight="weight", reverse=reverse)
    steps = 400  # more than 1 / 2 ** steps needs; a walk of t ties is rounded (N + 2) t times
    assert (np.abs(got - exact) <= (1e-10 + (N + 2) * steps * U) * exact).all()
    unit = katz_centrality(eco, alpha=alpha, beta=beta, weight="weight", reverse=reverse)
    assert_allclose(unit, exact / np.sqrt((exact * exact).sum()), rtol=3e-10, atol=0)


@settings(max_examples=25)
@given(networks())
def test_katz_equals_networkx(network: tuple[Ecosystem, reference.Operator]) -> None:
    eco, w = network
    graph = digraph(w)
    alpha = 0.5 / (1.0 + max(abs(np.linalg.eigvals(nx.to_numpy_array(graph, weight=None)))))
    theirs = nx.katz_centrality(graph, alpha=alpha, tol=1e-13)
    assert_allclose(katz_centrality(eco, alpha=alpha), vector(eco, theirs), rtol=0, atol=2e-10 + 100 * N * 1e-13)


def test_katz_adds_up_where_the_two_arrows_of_a_circle_are_far_from_alike() -> None:
    """The change of one step never falls in both rows at once: only stretches of two do."""
    eco = build([("a", "b", 1000.0), ("b", "a", 0.001)])
    x = katz_centrality(eco, alpha=0.5, normalized=False, weight="weight")
    assert_allclose(x[eco.rows_of(["a", "b"])], [(1 + 0.0005) / 0.75, 501 / 0.75], rtol=1e-10)


def test_katz_refuses_walks_that_do_not_add_up() -> None:
    eco = build([("a", "b", 1.0), ("b", "a", 1.0)])
    for alpha in (1.0, 2.0):
        with pytest.raises(ConvergenceError, match="below 1 / "):
            katz_centrality(eco, alpha=alpha, max_iter=500)
    with pytest.raises(ConvergenceError, match="haven't added up"):
        katz_centrality(eco, alpha=1e200)  # overflows


# Eigenvector, hubs and authorities


@settings(max_examples=25)
@given(networks(joined=True), st.sampled_from([None, "weight"]), st.booleans())
def test_eigenvector_equals_reference_and_networkx(
    network: tuple[Ecosystem, reference.Operator], weight: str | None, reverse: bool
) -> None:
    eco, w = network
    w = w if weight else reference.counted(w)
    w = reference.turned(w) if reverse else w
    exact = vector(eco, reference.eigenvector_centrality(w))
    a = nx.to_numpy_array(digraph(w), nodelist=list(eco.ids)).T
    value = max(np.linalg.eigvals(a).real)
    # x - x* solves (value - a) v = residual with v at right angles to x*: bordered, that has one solution
    inverse = np.linalg.inv(np.block([[value * np.eye(N) - a, exact[:, None]], [exact[None, :], np.zeros((1, 1))]]))
    bound = 4 * (1e-10 + N * U) * value * np.linalg.norm(inverse[:N, :N], 2)
    assume(bound < 1e-4)
    got = eigenvector_centrality(eco, weight=weight, reverse=reverse)
    assert np.linalg.norm(got - exact) <= bound
    assert_allclose(exact, vector(eco, nx.eigenvector_centrality_numpy(digraph(w), weight="weight")), atol=1e-6)


def test_no_circle_no_eigenvector() -> None:
    with pytest.raises(EcographError, match="lies on a circle"):
        eigenvector_centrality(build([("a", "b", 1.0), ("b", "c", 1.0)]))


@settings(max_examples=25)
@given(networks(), st.booleans())
def test_hits_equals_the_reference(network: tuple[Ecosystem, reference.Operator], reverse: bool) -> None:
    eco, w = network
    w = reference.turned(w) if reverse else w
    values = np.linalg.svd(nx.to_numpy_array(digraph(w)), compute_uv=False) ** 2
    ratios = values / values[0]
    q = float(max(ratios[ratios < 1 - 1e-9], default=0.0))
    assume(q < 0.99)
    hubs, authorities = hits(eco, reverse=reverse)
    exact = reference.hits(w)
    # Orthogonal parts of the change shrink by q or faster; sums of N parts, twice for the scaling to sum 1.
    bound = 2 * N * (1e-10 * q / (1 - q) + 100 * U) / (1 - q)
    assert np.abs(hubs - vector(eco, exact[0])).sum() <= bound
    assert np.abs(authorities - vector(eco, exact[1])).sum() <= bound * np.sqrt(values[0]) / 0.1


def test_hits_equals_networkx() -> None:
    ties = [("a", "x", 2.0), ("a", "y", 1.0), ("b", "y", 5.0), ("b", "x", 1.0), ("c", "x", 1.0), ("x", "a", 1.0)]
    eco = build(ties)
    graph = nx.DiGraph()
    graph.add_weighted_edges_from(ties)
    for mine, theirs in zip(hits(eco), nx.hits(graph), strict=True):
        assert_allclose(mine, vector(eco, theirs), rtol=0, atol=1e-8)
    hubs, authorities = hits(eco, normalized=False)
    assert hubs.max() == authorities.max() == 1.0
    with pytest.raises(EcographError, match="nobody with an arrow out"):
        hits(eco, nstart={"y": 1.0})


@settings(max_examples=10)
@given(networks())
def test_hits_turned_round_changes_places(network: tuple[Ecosystem, reference.Operator]) -> None:
    eco, w = network
    values = np.linalg.svd(nx.to_numpy_array(digraph(w)), compute_uv=False) ** 2
    assume(len(values[values > 0.9 * values[0]]) == 1)
    hubs, authorities = hits(eco)
    again = hits(eco, reverse=True)
    assert_allclose(again[0], authorities, atol=1e-7)
    assert_allclose(again[1], hubs, atol=1e-7)


# Degrees and cores


@given(networks())
def test_degrees_strengths_and_cores_equal_reference_and_networkx(
    network: tuple[Ecosystem, reference.Operator],
) -> None:
    eco, w = network
    graph = digraph(w)
    for mine, exact, theirs in (
        (degree_centrality, reference.degree_centrality, nx.degree_centrality),
        (in_degree_centrality, reference.in_degree_centrality, nx.in_degree_centrality),
        (out_degree_centrality, reference.out_degree_centrality, nx.out_degree_centrality),
        (core_number, reference.core_number, nx.core_number),
    ):
        assert_array_equal(mine(eco), vector(eco, exact(w)))
        assert_allclose(mine(eco), vector(eco, theirs(graph)), rtol=4 * U)
    rtol = (3 * N + 3) * U  # an arrow is a sum of up to three relations, a strength one of up to N arrows
    assert_allclose(in_strength(eco), vector(eco, reference.in_strength(w)), rtol=rtol)
    assert_allclose(out_strength(eco), vector(eco, reference.out_strength(w)), rtol=rtol)


def test_cores_of_a_larger_graph_equal_networkx() -> None:
    graph = nx.gnp_random_graph(200, 0.03, seed=4, directed=True)
    eco = build([(f"p{i}", f"p{j}", 1.0) for i, j in graph.edges], [f"p{i}" for i in graph])
    theirs = {f"p{i}": k for i, k in nx.core_number(graph).items()}
    assert len(set(theirs.values())) > 3
    assert_array_equal(core_number(eco), vector(eco, theirs))


# Closed forms


@pytest.mark.parametrize("n", [2, 3, 10])
def test_on_a_circle_all_are_the_same(n: int) -> None:
    eco = build([(f"p{i}", f"p{(i + 1) % n}", 3.0) for i in range(n)])
    assert_allclose(pagerank(eco), 1 / n, rtol=1e-10)
    assert_allclose(katz_centrality(eco, alpha=0.1, normalized=False), 1 / 0.9, rtol=1e-10)
    assert_allclose(eigenvector_centrality(eco), 1 / np.sqrt(n), rtol=1e-10)
    assert_allclose(np.array(hits(eco)), 1 / n, rtol=1e-10)
    assert_array_equal(core_number(eco), 2)
    assert_allclose(in_degree_centrality(eco), 1 / (n - 1), rtol=2 * U)


@pytest.mark.parametrize("leaves", [1, 4, 3000])  # the last is more than one block of rows
def test_a_star_has_a_closed_form(leaves: int) -> None:
    eco = build([(f"p{i}", "o", 1.0) for i in range(leaves)])
    o, n, a = eco.row_of("o"), leaves + 1, 0.5
    # leaf = a hub / n + (1 - a) / n, hub = leaf + a leaves leaf
    hub = (1 + a * leaves) / (n + a * leaves)
    assert abs(pagerank(eco, alpha=a)[o] - hub) <= 1e-10 + (n + 8) * U / (1 - a)
    assert katz_centrality(eco, alpha=0.25, normalized=False)[o] == 1 + leaves / 4
    assert hits(eco)[1][o] == 1.0
    assert degree_centrality(eco)[o] == 1.0
    assert in_strength(eco)[o] == leaves
    assert_array_equal(core_number(eco), 1)


# Symmetries and laws


CENTRALITIES: dict[str, Callable[[Ecosystem], Any]] = {
    "pagerank": pagerank,
    "katz": lambda eco: katz_centrality(eco, alpha=1e-4, weight="weight"),
    "eigenvector": lambda eco: eigenvector_centrality(eco, weight="weight"),
    "hits": lambda eco: np.array(hits(eco, tol=1e-3)),
    "in_strength": in_strength,
    "core": core_number,
}


@pytest.mark.parametrize("name", CENTRALITIES)
def test_any_number_of_threads_gives_the_same_bits(name: str) -> None:
    rng = np.random.default_rng(5)
    ends = rng.integers(0, 3000, (20_000, 2))
    circle = [(i, (i + 1) % 3000) for i in range(3000)]
    eco = build([(f"p{i}", f"p{j}", w) for (i, j), w in zip([*ends, *circle], rng.random(23_000) + 0.1, strict=True)])
    many = numba.config.NUMBA_NUM_THREADS
    results = []
    for threads in (1, min(2, many), many):
        numba.set_num_threads(threads)
        results.append(CENTRALITIES[name](eco))
    numba.set_num_threads(many)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])


@settings(max_examples=15)
@given(networks(joined=True), st.integers(-20, 20))
def test_the_unit_of_the_amounts_cancels(network: tuple[Ecosystem, reference.Operator], e: int) -> None:
    _, w = network
    plain = build([(i, j, v) for i, row in w.items() for j, v in row.items()], IDS)
    scaled = build([(i, j, float(v) * 2.0**e) for i, row in w.items() for j, v in row.items()], IDS)
    assert_array_equal(pagerank(scaled), pagerank(plain))
    assert_array_equal(in_strength(scaled), in_strength(plain) * 2.0**e)
    katz = katz_centrality(plain, alpha=2.0**-14, weight="weight")
    assert_array_equal(katz_centrality(scaled, alpha=2.0 ** (-14 - e), weight="weight"), katz)


# What is refused, and what is said on the way


def test_nothing_that_counts_is_an_error() -> None:
    for eco in (
        Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}),
        Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}, {"id": ["alone"]}),
        build([("a", "a", 1.0), ("a", "b", 0.0), ("b", "a", -1.0)]),
    ):
        for centrality in (pagerank, katz_centrality, eigenvector_centrality, hits, degree_centrality, core_number):
            with pytest.raises(WindowError):
                centrality(eco)


def test_amounts_of_different_units_are_not_added_but_arrows_are_counted() -> None:
    ties = {"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [3, 1], "relation": ["ride", "pay"]}
    eco = Ecosystem.from_ties(ties, relations={"ride": "1", "pay": "USD"})
    with pytest.raises(UnitError):
        pagerank(eco)
    with pytest.raises(UnitError):
        in_strength(eco)
    assert in_strength(eco, relation_weights={"ride": 2.0, "pay": 1.0})[eco.row_of("o")] == 7.0
    assert in_degree_centrality(eco)[eco.row_of("o")] == 1.0
    assert pagerank(eco, weight=None)[eco.row_of("o")] > 0.4


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda eco: pagerank(eco, alpha=1.0), EcographError, "alpha=1.0"),
        (lambda eco: pagerank(eco, tol=0.0), EcographError, "tol=0.0"),
        (lambda eco: pagerank(eco, max_iter=0), EcographError, "max_iter=0"),
        (lambda eco: pagerank(eco, max_iter=3), ConvergenceError, "After 3 steps"),
        (lambda eco: pagerank(eco, weight="amount"), EcographError, "weight='amount'"),
        (lambda eco: pagerank(eco, personalization={"z": 1.0}), ParticipantError, "z"),
        (lambda eco: pagerank(eco, personalization={"a": 0.0}), EcographError, "above 0"),
        (lambda eco: pagerank(eco, personalization={"a": -1.0, "b": 3.0}), EcographError, "above 0"),
        (lambda eco: pagerank(eco, personalization=[]), EcographError, "empty"),
        (lambda eco: katz_centrality(eco, alpha=-0.1), EcographError, "alpha=-0.1"),
        (lambda eco: katz_centrality(eco, beta=0.0), EcographError, "beta"),
        (lambda eco: hits(eco, max_iter=1), ConvergenceError, "After 1 steps"),
    ],
)
def test_an_impossible_value_is_refused(
    call: Callable[[Ecosystem], Any], error: type[EcographError], says: str
) -> None:
    with pytest.raises(error, match=says):
        call(build([("a", "b", 1.0), ("b", "a", 1.0), ("b", "c", 2.0)]))


@pytest.mark.parametrize("centrality", [pagerank, katz_centrality, eigenvector_centrality, hits])
def test_progress_rises_to_the_end_and_can_stop_the_work(centrality: Callable[..., Any]) -> None:
    eco = build([("a", "b", 1.0), ("b", "a", 2.0), ("b", "c", 2.0), ("c", "a", 1.0)])
    said: list[tuple[float, float | None]] = []
    centrality(eco, progress=lambda label, done, total: said.append((done, total)))
    assert said[-1][0] == said[-1][1] == 10.0
    assert len(said) > 3

    def stop(label: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        centrality(eco, progress=stop)


def test_the_result_of_a_vector_by_id_follows_the_ids() -> None:
    eco = build([("a", "b", 1.0), ("b", "c", 1.0)])
    x = pagerank(eco, alpha=0.0, personalization={"a": 1.0, "c": 3.0})
    assert dict(zip(eco.ids, x.tolist(), strict=True)) == {"a": 0.25, "b": 0.0, "c": 0.75}
