"""Betweenness where leaves are folded and twins joined, in graphs made of them: exact references and closed forms."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from random import Random

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.cpu import paths as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.metrics import folding, searches
from ecograph.metrics.folding import fold
from ecograph.metrics.paths import betweenness_centrality
from ecograph.metrics.tie_graph import TieGraph, tie_graph
from tests import reference
from tests.strategies import pairs

U = 2.0**-53
Arrows = list[tuple[int, int]]


def build(arrows: Iterable[tuple[int, int]], n: int) -> Ecosystem:
    ends = sorted(set(arrows))
    ties = {"provider": [f"p{i}" for i, _ in ends], "receiver": [f"p{j}" for _, j in ends], "weight": [1.0] * len(ends)}
    return Ecosystem.from_ties(ties, {"id": [f"p{i}" for i in range(n)]})


def both_ways(edges: Iterable[tuple[int, int]]) -> Arrows:
    return [arrow for i, j in edges for arrow in ((i, j), (j, i))]


def numbers(eco: Ecosystem) -> list[int]:
    return [int(id[1:]) for id in eco.ids]


def rtol(n: int) -> float:
    return (2 * n * n + 8) * U  # a value is a sum of at most n * n terms >= 0, each rounded a few times


@st.composite
def grown(draw: st.DrawFn) -> tuple[Arrows, int]:
    """Some participants, to whom leaves (by arrows out, in or both), twins and circles that hang on one are added."""
    n = draw(st.integers(2, 5))
    arrows = {(i, j) for i, j in draw(pairs(n, 10)) if i != j} | {(0, 1)}
    if draw(st.booleans()):
        arrows |= {(j, i) for i, j in arrows}
    for _ in range(draw(st.integers(0, 7))):
        v, kind = draw(st.integers(0, n - 1)), draw(st.sampled_from(["leaf", "apart", "together", "circle"]))
        if kind == "leaf":
            arrows |= set(draw(st.sampled_from([[(v, n)], [(n, v)], [(v, n), (n, v)]])))
        elif kind == "circle":
            arrows |= {(v, n), (n, n + 1), (n + 1, v)} | (set() if draw(st.booleans()) else {(v, n + 1)})
            n += 1
        else:
            arrows |= {(n if i == v else i, n if j == v else j) for i, j in arrows if v in (i, j)}
            arrows |= {(v, n), (n, v)} if kind == "together" else set()
        n += 1
    return sorted(arrows), n


# Exact references


@given(grown(), st.booleans())
def test_what_is_folded_and_joined_equals_the_exact_reference(graph: tuple[Arrows, int], endpoints: bool) -> None:
    arrows, n = graph
    w = reference.amounts([(i, j, 1) for i, j in arrows], list(range(n)))
    exact = reference.betweenness_centrality(w, lambda v: v, endpoints)
    eco = build(arrows, n)
    got = betweenness_centrality(eco, normalized=False, endpoints=endpoints)
    assert_allclose(got, [float(exact[i]) for i in numbers(eco)], rtol=rtol(n))
    if not endpoints:  # the law: a path of d arrows has d - 1 in between
        apart = sum(d - 1 for row in reference.distances(w, lambda v: v).values() for d in row.values() if d)
        assert_allclose(got.sum(), float(apart), rtol=2 * rtol(n))


@given(grown())
def test_keys_that_are_all_the_same_join_nobody_wrongly(graph: tuple[Arrows, int]) -> None:
    arrows, n = graph
    eco = build(arrows, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "_totals", lambda rows, salt: np.zeros(rows.ptr.size - 1, np.uint64))
        got = betweenness_centrality(eco)
    assert_allclose(got, betweenness_centrality(eco), rtol=rtol(n))


def random_graph(seed: int) -> tuple[Arrows, int]:
    """Hubs, leaves and long ends; one half has arrows one way only."""
    edges = list(nx.barabasi_albert_graph(150, 2, seed=seed).edges) + [(i, i + 1) for i in range(150, 170)] + [(0, 150)]
    edges += [(i % 7, i) for i in range(171, 200)]
    return both_ways(edges) if seed % 2 else [*edges, *((j, i) for i, j in edges if (i + j) % 3)], 200


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("endpoints", [False, True])
def test_hubs_and_leaves_equal_networkx_and_paths_by_length(seed: int, endpoints: bool) -> None:
    """Arrows that are 1 long are followed by Dijkstra's algorithm, where nothing is folded."""
    arrows, n = random_graph(seed)
    eco = build(arrows, n)
    got = betweenness_centrality(eco, endpoints=endpoints)
    theirs = nx.betweenness_centrality(nx.DiGraph(arrows), endpoints=endpoints)
    assert_allclose(got, [theirs.get(i, 0.0) for i in numbers(eco)], rtol=rtol(n))
    assert_allclose(got, betweenness_centrality(eco, distance="weight", endpoints=endpoints), rtol=rtol(n))


@given(st.integers(2, 9).flatmap(lambda n: pairs(n, 30)), st.integers(0, 2))
def test_asking_from_the_other_end_changes_nothing(arrows: Arrows, more: int) -> None:
    """With and without arrows by where they lead; the same order level by level, so the same sums but for rounding."""
    n = 1 + max([1, *(max(pair) for pair in arrows)])
    hub = [(0, i) for i in range(n)] + [(i, (i + 1 + more) % n) for i in range(n)]
    graph = tie_graph(build([(i, j) for i, j in [*arrows, *hub] if i != j], n), weight=None)
    found = []
    for into in (graph.into, None):
        out, source = np.zeros((3, n)), np.arange(n, dtype=np.int32)
        rows = np.zeros(n * n)
        work = searches.Searches(graph.out, into, None)
        work.run(kernels.DISTANCES, source, rows, out, label="", progress=None)
        work.run(kernels.ROWS, source, rows, out, label="", progress=None)
        found.append((out, rows))
    assert_array_equal(found[0][0], found[1][0])
    assert_allclose(found[0][1], found[1][1], rtol=rtol(n))


# Closed forms


def smaller(arrows: Arrows, n: int) -> TieGraph:
    return fold(tie_graph(build(arrows, n), weight=None)).graph


@pytest.mark.parametrize("one_way", [False, True])
@given(data=st.data(), n=st.integers(2, 40))
def test_a_tree_is_folded_away(one_way: bool, data: st.DataObject, n: int) -> None:
    """Arrows both ways: v lies between all pairs of others from different branches; nothing is rounded."""
    above = [data.draw(st.integers(0, i - 1)) for i in range(1, n)]
    tree = nx.Graph(zip(above, range(1, n), strict=True))
    arrows = [(j, i) for i, j in enumerate(above, 1)] if one_way else both_ways(tree.edges)
    assert smaller(arrows, n).n == 1
    eco = build(arrows, n)
    got = betweenness_centrality(eco, normalized=False)
    for v, value in zip(numbers(eco), got, strict=True):
        if one_way:  # v passes on what comes from those above to those below
            rooted = nx.DiGraph(arrows)
            assert value == len(nx.ancestors(rooted, v)) * len(nx.descendants(rooted, v))
        else:
            rest = tree.subgraph([u for u in tree if u != v])
            assert value == (n - 1) ** 2 - sum(len(part) ** 2 for part in nx.connected_components(rest))


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (7, 4), (2, 3, 4), (1, 1, 5), (3, 3, 3, 3)])
@pytest.mark.parametrize("leaves", [0, 2])
def test_parts_that_all_meet_are_one_each(sizes: tuple[int, ...], leaves: int) -> None:
    """Complete multipartite: two of a part are 2 apart, by way of everyone else. Leaves, the same for all, hang on."""
    n = sum(sizes)
    part = np.repeat(np.arange(len(sizes)), sizes)
    edges = [(i, j) for i, j in combinations(range(n), 2) if part[i] != part[j]]
    hanging = [(i, n + leaves * i + k) for i in range(n) for k in range(leaves)]
    classes = sum(size > 1 for size in sizes) + (1 in sizes)  # parts of one are twins with an arrow
    assert smaller(both_ways(edges + hanging), n * (1 + leaves)).n == classes
    eco = build(both_ways(edges + hanging), n * (1 + leaves))
    got = dict(zip(numbers(eco), betweenness_centrality(eco, normalized=False), strict=True))
    c = 1 + leaves  # how many come in by each
    for i in range(n):
        others = sum(c * c * size * (size - 1) / (n - size) for p, size in enumerate(sizes) if p != part[i])
        assert got[i] == pytest.approx(others + 2 * leaves * (n - 1) * c + leaves * (leaves - 1), rel=rtol(n * c))
    assert all(got[i] == 0 for i in range(n, n * c))


@pytest.mark.parametrize("n", [3, 5, 20])
def test_all_that_are_tied_to_all_are_one(n: int) -> None:
    arrows = both_ways(combinations(range(n), 2))
    assert smaller(arrows, n).n == 1
    assert_array_equal(betweenness_centrality(build(arrows, n)), 0.0)
    assert_array_equal(betweenness_centrality(build(arrows, n), endpoints=True), 2 / n)


@pytest.mark.parametrize(("m", "bar"), [(3, 0), (5, 1), (8, 4)])
def test_two_bells_on_a_bar(m: int, bar: int) -> None:
    """Of a bell, all but the one where the bar begins are twins: 4 classes and the bar."""
    n = 2 * m + bar
    arrows = both_ways(nx.barbell_graph(m, bar).edges)
    assert smaller(arrows, n).n == 4 + bar
    eco = build(arrows, n)
    got = dict(zip(numbers(eco), betweenness_centrality(eco, normalized=False), strict=True))
    for k in range(bar):
        assert got[m + k] == 2 * (m + k) * (m + bar - 1 - k)
    assert got[m - 1] == got[m + bar] == 2 * (m - 1) * (m + bar)
    assert got[0] == got[n - 1] == 0.0


def test_who_has_no_arrows_is_one_class_beside_the_rest() -> None:
    assert smaller([(0, 1), (1, 2), (2, 0)], 9).n == 4
    eco = build([(0, 1), (1, 2), (2, 0)], 9)
    assert_array_equal(betweenness_centrality(eco, normalized=False), [1.0 if i < 3 else 0.0 for i in numbers(eco)])
    got = betweenness_centrality(eco, normalized=False, endpoints=True)
    assert_array_equal(got, [5.0 if i < 3 else 0.0 for i in numbers(eco)])


# Symmetries


@given(grown(), st.randoms(use_true_random=False))
def test_names_do_not_matter_nor_the_way_round(graph: tuple[Arrows, int], random: Random) -> None:
    arrows, n = graph
    name = random.sample(range(n), n)
    eco, other = build(arrows, n), build([(name[j], name[i]) for i, j in arrows], n)
    got = dict(zip(numbers(other), betweenness_centrality(other), strict=True))
    assert_allclose([got[name[i]] for i in numbers(eco)], betweenness_centrality(eco), rtol=2 * rtol(n))


@pytest.mark.parametrize("seed", [1, 2])
def test_threads_and_rounds_give_the_same_bits_where_much_is_folded(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    eco = build(*random_graph(seed))
    assert fold(tie_graph(eco, weight=None)).graph.n < 160
    many = numba.config.NUMBA_NUM_THREADS
    results, said = [], list[float]()
    for threads, work in ((1, 10**9), (min(2, many), 10**9), (many, 1)):
        numba.set_num_threads(threads)
        monkeypatch.setattr(searches, "WORK", work)
        results.append(
            betweenness_centrality(eco, endpoints=True, progress=lambda label, done, total: said.append(done))
        )
    numba.set_num_threads(many)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])
    assert said[0] == said[1] == said[-1] == len(eco)
