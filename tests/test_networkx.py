"""To and from NetworkX."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given

from ecograph.ecosystem import Ecosystem
from ecograph.errors import GraphFormatError, TieTableError
from ecograph.schema import Relation
from tests.compare import assert_same
from tests.strategies import ecosystems


@given(ecosystems())
def test_there_and_back(eco: Ecosystem) -> None:
    assert_same(Ecosystem.from_networkx(eco.to_networkx()), eco)


@given(ecosystems())
def test_keys_are_rows_of_the_tie_table(eco: Ecosystem) -> None:
    graph = eco.to_networkx()
    assert list(graph) == eco.ids.to_list()
    table = eco.tie_table()
    assert graph.number_of_edges() == table.height
    for provider, receiver, e, data in graph.edges(keys=True, data=True):
        expected = {name: value for name, value in table.row(e, named=True).items() if value is not None}
        assert {"provider": provider, "receiver": receiver} | data == expected


@given(ecosystems(relations=1, periods=1))
def test_without_parallel_ties_a_plain_digraph_will_do(eco: Ecosystem) -> None:
    graph = eco.to_networkx(multigraph=False)
    assert not graph.is_multigraph()
    assert_same(Ecosystem.from_networkx(graph), eco)


def test_parallel_ties_are_refused_a_plain_digraph() -> None:
    ties = {"provider": ["a", "a"], "receiver": ["o", "o"], "weight": [1, 2], "relation": ["ride", "pay"]}
    eco = Ecosystem.from_ties(ties)
    with pytest.raises(GraphFormatError, match=r"1 ties share .*\n.*\.relation"):
        eco.to_networkx(multigraph=False)
    assert eco.relation("ride").to_networkx(multigraph=False)["a"]["o"]["weight"] == 1.0


def test_a_graph_from_elsewhere() -> None:
    graph = nx.MultiDiGraph()
    graph.add_node(1, name="alpha", kind="driver")
    graph.add_node(2, name="beta")
    graph.add_edges_from([(1, 2, {"trips": 2, "what": "ride"}), (1, 2, {"trips": 0.5, "what": "ride"})])
    eco = Ecosystem.from_networkx(graph, weight="trips", relation="what", role="kind", relations={"ride": "km"})
    assert eco.tie_table().select("provider", "receiver", "relation", "weight").rows() == [("1", "2", "ride", 2.5)]
    assert eco.relations == (Relation("ride", "km"),)
    assert sorted(eco.participants.select("id", "role").rows()) == [("1", "driver"), ("2", None)]
    named = Ecosystem.from_networkx(graph, id="name", weight=None)
    assert named.tie_table().select("provider", "receiver", "weight").rows() == [("alpha", "beta", 2.0)]


def _edge(**data: Any) -> Any:
    return nx.DiGraph([("a", "o", data)])


@pytest.mark.parametrize(
    ("graph", "names", "says"),
    [
        (nx.Graph([("a", "o")]), {}, "undirected.*\n.*to_directed"),
        (_edge(wieght=1), {}, "attribute 'weight' for weight.\n.*nearest attributes: 'wieght'; weight=None"),
        (_edge(weight=1), {"role": "kind"}, "attribute 'kind' for role"),
        (_edge(weight=1), {"rol": "kind"}, "no column 'rol'.\n.*nearest columns: 'role'"),
        (_edge(weight=1), {"provider": "p"}, "no column 'provider'"),
        (nx.DiGraph([((1, 2), "o", {"weight": 1})]), {}, r"1 nodes have no id .*'\(1, 2\)'"),
        (nx.DiGraph([(True, "o", {"weight": 1})]), {}, "1 nodes have no id .*'True'"),
        (nx.DiGraph([("\ud800", "o", {"weight": 1})]), {}, "values for id .str. aren't"),
        (
            nx.DiGraph([("a", "o", {"weight": 1}), ("b", "o", {"weight": "x"})]),
            {},
            "values for weight .int, str. aren't",
        ),
    ],
)
def test_graphs_that_do_not_fit_are_refused(graph: Any, names: dict[str, Any], says: str) -> None:
    with pytest.raises(GraphFormatError, match=says):
        Ecosystem.from_networkx(graph, **names)


def test_an_edge_without_its_weight_is_refused() -> None:
    graph = nx.DiGraph([("a", "o", {"weight": 1}), ("b", "o", {})])
    with pytest.raises(TieTableError, match=r"'weight'.*null.* in 1 of 2 rows"):
        Ecosystem.from_networkx(graph)


def test_two_nodes_of_one_id_are_refused() -> None:
    graph = nx.DiGraph([(1, "1", {"weight": 1})])
    with pytest.raises(TieTableError, match="more than once"):
        Ecosystem.from_networkx(graph)


def test_a_spoiled_label_is_refused() -> None:
    graph = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]}).to_networkx()
    graph.graph["ecograph"] = "{}}"
    with pytest.raises(GraphFormatError, match=r"isn't the label .*\n.*delete it"):
        Ecosystem.from_networkx(graph)
