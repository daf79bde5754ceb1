"""Strong components, closed classes and compact numbering against brute force."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ecograph.ecosystem import Ecosystem
from ecograph.metrics.chains import compact
from ecograph.metrics.components import components
from ecograph.metrics.operator import dependence
from tests import reference
from tests.strategies import pairs

PAIRS = st.integers(2, 9).flatmap(lambda n: pairs(n, 25, self_ties=False)).filter(bool)


def ecosystem(ends: list[tuple[int, int]], leaking: set[int]) -> tuple[Ecosystem, reference.Operator]:
    providers, receivers = [f"p{i}" for i, _ in ends], [f"p{j}" for _, j in ends]
    ties = {"provider": providers, "receiver": receivers, "weight": [1.0] * len(ends)}
    ids = sorted({*providers, *receivers})
    cost = [1.0 if int(id[1:]) in leaking else 0.0 for id in ids]
    eco = Ecosystem.from_ties(ties, {"id": ids, "external_cost": cost})
    return eco, reference.operator([(f"p{i}", f"p{j}", 1) for i, j in ends])


@given(PAIRS, st.sets(st.integers(0, 8), max_size=2))
def test_components_and_closed_classes(ends: list[tuple[int, int]], leaking: set[int]) -> None:
    eco, p = ecosystem(ends, leaking)
    found = components(dependence(eco), np.arange(len(eco)))
    graph = nx.DiGraph((j, i) for j, row in p.items() for i in row)
    expected = {frozenset(part) for part in nx.strongly_connected_components(graph)}
    parts = [frozenset(eco.ids.gather(found.members(row)).to_list()) for row in range(len(eco))]
    assert set(parts) == expected
    for row, id in enumerate(eco.ids):
        assert found.is_closed(row) == reference.in_closed_class(p, id, lambda j: int(j[1:]) in leaking)


@given(PAIRS)
def test_providers_come_before_receivers(ends: list[tuple[int, int]]) -> None:
    """Numbers fall along an arrow wherever it leads out of a component: a graph without circles takes one sweep."""
    eco, p = ecosystem(ends, set())
    found = components(dependence(eco), np.arange(len(eco)))
    place = np.empty(len(eco), int)
    place[found.order] = np.arange(len(eco))
    assert (np.diff(found.component[found.order]) >= 0).all()
    for j, row in p.items():
        for i in row:
            a, b = eco.row_of(j), eco.row_of(i)
            assert place[b] < place[a] or found.component[a] == found.component[b]


@given(PAIRS, st.integers(0, 8))
def test_what_is_reached_and_renumbered(ends: list[tuple[int, int]], start: int) -> None:
    eco, p = ecosystem(ends, set())
    conductor = eco.ids[start % len(eco)]
    o = eco.row_of(conductor)
    operator = dependence(eco)
    found = components(operator, np.array([o]))
    reached = reference.upstream(p, conductor) | {conductor}
    assert set(eco.ids.gather(found.order)) == reached
    graph = compact(operator, found, lump=False)
    assert graph.node[o] == graph.n - 1
    entries = {
        (eco.ids[int(found.order[k])], eco.ids[int(found.order[c])]): v
        for k in range(graph.n)
        for c, v in zip(*(a[graph.rows[0][k] : graph.rows[0][k + 1]] for a in graph.rows[1:]), strict=True)
    }
    assert entries == {(j, i): float(v) for j in reached for i, v in p[j].items()}
    flipped = {
        (graph.n - 1 - int(c), graph.n - 1 - k): v
        for k in range(graph.n)
        for c, v in zip(*(a[graph.back[0][k] : graph.back[0][k + 1]] for a in graph.back[1:]), strict=True)
    }
    assert {(eco.ids[int(found.order[j])], eco.ids[int(found.order[i])]): v for (j, i), v in flipped.items()} == entries


def test_an_arrow_to_the_barred_one_opens_a_class() -> None:
    """a and b need each other, b also o: with the arrow b -> o out of the graph, chains of {a, b} are lost there."""
    eco, _ = ecosystem([(0, 1), (1, 0), (2, 1), (0, 2)], set())
    o = eco.row_of("p2")
    operator = dependence(eco)
    assert components(operator, np.array([o])).closed.tolist() == [True]
    assert not components(operator, np.array([o]), barred=o).closed.any()
