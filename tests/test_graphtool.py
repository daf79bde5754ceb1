"""To and from graph-tool and its files: the same bytes back, whatever the data hold."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecograph import graphtool
from ecograph.ecosystem import Ecosystem
from ecograph.errors import GraphFormatError, OutputError, SourceError, TieTableError
from ecograph.graphml import escape_xml, unescape_xml
from ecograph.schema import Relation
from tests.compare import assert_same
from tests.strategies import AWKWARD, ecosystems, ids

gt = pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")


# One order


@given(ecosystems())
def test_row_e_of_the_ties_is_edge_e_is_entry_e(eco: Ecosystem) -> None:
    g = eco.to_graph_tool()
    assert [g.vp.id[v] for v in g.vertices()] == eco.ids.to_list()
    edges = {g.edge_index[edge]: edge for edge in g.edges()}
    assert sorted(edges) == list(range(len(eco.ties)))
    receivers = np.repeat(np.arange(len(eco)), np.diff(eco.indptr))
    names = [relation.name for relation in eco.relations]
    for e, row in enumerate(eco.tie_table().iter_rows(named=True)):
        edge = edges[e]
        assert (g.vp.id[edge.source()], g.vp.id[edge.target()]) == (row["provider"], row["receiver"])
        assert int(edge.target()) == receivers[e]
        assert g.ep.weight[edge] == row["weight"]
        assert g.gp.relations[g.ep.relation[edge]] == names[eco.ties.relation[e]] == row["relation"]
        start = eco.periods[eco.ties.period[e]]
        assert g.gp.periods[g.ep.period[edge]] == (-(2**63) if start is None else start)
        if "count" in row:
            assert g.ep.count[edge] == row["count"]
    assert isinstance(g.gp.version, str)


# There and back


@given(ecosystems())
def test_in_memory(eco: Ecosystem) -> None:
    assert_same(Ecosystem.from_graph_tool(eco.to_graph_tool()), eco)


@given(ecosystems())
@settings(max_examples=20)
def test_through_a_gt_file(eco: Ecosystem) -> None:
    with TemporaryDirectory() as folder:
        eco.to_graph_tool().save(f"{folder}/g.gt")
        assert_same(Ecosystem.from_graph_tool(gt.load_graph(f"{folder}/g.gt")), eco)


@given(ecosystems())
@settings(max_examples=20)
def test_through_a_graphml_file(eco: Ecosystem) -> None:
    with TemporaryDirectory() as folder:
        eco.to_graphml(f"{folder}/g.graphml")
        assert_same(Ecosystem.from_graphml(f"{folder}/g.graphml"), eco)


@given(ecosystems(plain_ids=True))
@settings(max_examples=15)
def test_through_a_graphml_file_of_graph_tools_own(eco: Ecosystem) -> None:
    people = eco.participants.select("id", "capacity", "external_cost")
    eco = Ecosystem.from_ties(eco.tie_table(), people, relations=eco.relations)
    with TemporaryDirectory() as folder:
        eco.to_graph_tool().save(f"{folder}/g.graphml")
        assert_same(Ecosystem.from_graph_tool(gt.load_graph(f"{folder}/g.graphml")), eco)


def test_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    weights = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.1, 123456789.123456789]
    ids = [f"p{i}" for i in range(len(weights))]
    eco = Ecosystem.from_ties({"provider": ids, "receiver": ["o"] * 6, "weight": weights, "count": [2**62 + 1] * 6})
    eco.to_graphml(tmp_path / "g.graphml")
    assert_same(Ecosystem.from_graphml(tmp_path / "g.graphml"), eco)


@given(st.text(st.sampled_from("_xX0041AFaf\x00\x01\r\n\t\ufffe\uffff&<é")) | ids())
def test_the_xml_escape_can_be_undone_and_is_legal(text: str) -> None:
    escaped = escape_xml(text)
    assert unescape_xml(escaped) == text
    assert not any((ord(c) < 32 and c not in "\t\n") or c in "\ufffe\uffff" for c in escaped)


@given(ecosystems(), st.randoms(use_true_random=False))
def test_edges_in_any_order_and_with_gaps(eco: Ecosystem, random: Any) -> None:
    """The order that files give back, and an edge index with holes in it."""
    g, h = eco.to_graph_tool(), gt.Graph(directed=True)
    h.add_vertex(g.num_vertices())
    order = random.sample(range(len(eco.ties)), len(eco.ties))
    maps = {name: h.new_edge_property(prop.value_type()) for name, prop in g.ep.items()}
    edges = {g.edge_index[edge]: edge for edge in g.edges()}
    for e in order:
        spare = h.add_edge(0, 0)
        edge = h.add_edge(edges[e].source(), edges[e].target())
        for name, prop in maps.items():
            prop[edge] = g.ep[name][edges[e]]
        if not random.getrandbits(1):
            h.remove_edge(spare)
        else:
            for prop in maps.values():
                prop[spare] = prop[edge]
            h.remove_edge(spare)
    h.vp.id = h.new_vertex_property("string", vals=eco.ids.to_list())
    options = {"relations": eco.relations, "period": None}
    names = {"relation": h.new_edge_property("string")}
    for edge in h.edges():
        names["relation"][edge] = g.gp.relations[maps["relation"][edge]]
    stripped = Ecosystem.from_ties(eco.tie_table().drop("period"), eco.ids.to_frame(), relations=eco.relations)
    assert_same(Ecosystem.from_graph_tool(h, **options, **names, **_but(maps, "relation", "period")), stripped)


def _but(maps: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: prop for name, prop in maps.items() if name not in names}


@given(ecosystems(), st.data())
def test_filtered_views(eco: Ecosystem, data: st.DataObject) -> None:
    g = eco.to_graph_tool()
    out = data.draw(st.sets(st.sampled_from(eco.ids.to_list()))) if len(eco) else set()
    positive = data.draw(st.booleans())
    view = gt.GraphView(g, vfilt=lambda v: g.vp.id[v] not in out, efilt=lambda e: not positive or g.ep.weight[e] > 0)
    expected = eco.without(sorted(out))
    if positive:
        table = expected.tie_table()
        kept = Ecosystem.from_ties(table.filter(table["weight"] > 0), expected.participants, relations=eco.relations)
        assert Ecosystem.from_graph_tool(view).tie_table().equals(kept.tie_table())
    else:
        assert_same(Ecosystem.from_graph_tool(view), expected)


@given(ecosystems())
def test_reversed_views(eco: Ecosystem) -> None:
    table = eco.tie_table().rename({"provider": "receiver", "receiver": "provider"})
    g = eco.to_graph_tool()
    views = [gt.GraphView(g, reversed=True)]
    g = eco.to_graph_tool()
    g.set_reversed(True)
    for view in [*views, g]:
        got = Ecosystem.from_graph_tool(view)
        assert got.tie_table().equals(Ecosystem.from_ties(table, eco.participants, relations=eco.relations).tie_table())


def graph_of(edges: list[tuple[int, int]], *, directed: bool = True) -> Any:
    g = gt.Graph(directed=directed)
    g.add_edge_list(edges)
    return g


def test_a_reversed_and_filtered_view_with_gaps() -> None:
    g = graph_of([(0, 1), (0, 2), (1, 2), (2, 0)])
    g.ep.weight = g.new_edge_property("double", vals=[1.0, 2.0, 3.0, 4.0])
    g.ep.relation = g.new_edge_property("string", vals=["w", "x", "y", "z"])
    g.remove_edge(g.edge(0, 1))
    view = gt.GraphView(g, reversed=True, efilt=lambda e: g.ep.weight[e] != 3.0)
    table = Ecosystem.from_graph_tool(view, id=None).tie_table()
    assert sorted(table.select("provider", "receiver", "relation", "weight").rows()) == [
        ("0", "2", "z", 4.0), ("2", "0", "x", 2.0)
    ]  # fmt: skip


# Graphs from elsewhere


def test_a_graph_from_elsewhere_merges_parallel_edges_of_one_relation() -> None:
    g = graph_of([(0, 1), (0, 1), (0, 1), (2, 1)])
    g.vp.name = g.new_vertex_property("string", vals=["ann", "o", "ben"])
    g.vp.label = g.new_vertex_property("int", vals=[7, 8, 9])
    g.vp.kind = g.new_vertex_property("object", vals=["driver", None, "driver"])
    flows = g.new_edge_property("string", vals=["ride", "ride", "food", "ride"])
    g.ep.km = g.new_edge_property("int", vals=[1, 2, 4, 8])
    eco = Ecosystem.from_graph_tool(
        g, id="name", weight="km", relation=flows, role="kind", relations={"ride": "km", "food": "1"}
    )
    rows = eco.tie_table().select("provider", "receiver", "relation", "weight").rows()
    assert sorted(rows) == [("ann", "o", "food", 4.0), ("ann", "o", "ride", 3.0), ("ben", "o", "ride", 8.0)]
    assert eco.relations == (Relation("food"), Relation("ride", "km"))
    assert dict(eco.participants.select("id", "role").rows()) == {"ann": "driver", "o": None, "ben": "driver"}
    assert sorted(Ecosystem.from_graph_tool(g, id="label", weight=None).ids) == ["7", "8", "9"]


def _with(**more: Any) -> Any:
    """Two vertices, one edge, and the maps that are always needed."""
    g = graph_of([(0, 1)], directed=more.pop("directed", True))
    g.vp.id = g.new_vertex_property(more.pop("id_type", "string"), vals=more.pop("id", ["a", "o"]))
    g.ep.weight = g.new_edge_property("double", vals=[more.pop("weight", 1.0)])
    for name, (kind, value) in more.items():
        g.ep[name] = g.new_edge_property(kind, vals=[value])
    return g


@pytest.mark.parametrize(
    ("graph", "maps", "says"),
    [
        (lambda: _with(directed=False), {}, "undirected.*\n.*set_directed"),
        (lambda: graph_of([(0, 1)]), {}, "no internal map 'id' for id.\n.*id=None takes vertex numbers"),
        (lambda: graph_of([(0, 1)]), {"id": None}, "no internal map 'weight' for weight.\n.*weight=None counts"),
        (lambda: _with(wieght=("double", 1.0)), {"weight": "wieht"}, "'wieht' for weight.\n.*nearest maps: 'wieght'"),
        (lambda: _with(), {"role": "kind"}, "no internal map 'kind' for role"),
        (lambda: _with(), {"wieght": "weight"}, "no column 'wieght'.\n.*nearest columns: 'weight"),
        (lambda: _with(), {"receiver": "weight"}, "no column 'receiver'"),
        (lambda: _with(count=("vector<int>", [1])), {}, "map for count holds vector<int32_t>"),
        (lambda: _with(relation=("object", 2.5), id_type="object", id=["a", 3]), {}, "values for id .int, str. aren't"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(graph: Any, maps: dict[str, Any], says: str) -> None:
    with pytest.raises(GraphFormatError, match=says):
        Ecosystem.from_graph_tool(graph(), **maps)


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (lambda: _with(weight=float("nan")), "'weight'.*NaN"),
        (lambda: _with(id=["a", "a"]), "'id'.*more than once"),
        (lambda: _with(id=["a", ""]), "'id'.*null or blank"),
        (lambda: _with(id_type="double", id=[1.5, 2.5]), "'id'.*Float64"),
        (lambda: _with(count=("double", 1.0)), "'count'.*Float64"),
    ],
)
def test_values_that_break_the_schema_are_refused(graph: Any, says: str) -> None:
    with pytest.raises(TieTableError, match=says):
        Ecosystem.from_graph_tool(graph())


def test_a_label_that_no_longer_fits_is_refused() -> None:
    g = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]}).to_graph_tool()
    g.ep.relation.a[:] = 5
    with pytest.raises(GraphFormatError, match="'relation' points outside the 1 relations"):
        Ecosystem.from_graph_tool(g)
    g.gp["ecograph"] = "[]"
    with pytest.raises(GraphFormatError, match="isn't the label"):
        Ecosystem.from_graph_tool(g)


# Strings and files


def test_string_maps_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"id": ["a", "o"], "role": ["driver", None], "capacity": [2.0, None]}
    eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]}, people)
    assert {"id", "role", "capacity"} == set(eco.to_graph_tool().vp.keys())
    assert {"capacity"} == set(eco.to_graph_tool(strings=False).vp.keys())
    monkeypatch.setattr(graphtool, "MANY", 1)
    assert {"capacity"} == set(eco.to_graph_tool().vp.keys())
    assert {"id", "role", "capacity"} == set(eco.to_graph_tool(strings=True).vp.keys())
    g = eco.to_graph_tool()
    assert_array_equal(g.vp.capacity.a, [2.0 if id == "a" else np.nan for id in eco.ids])
    assert sorted(Ecosystem.from_graph_tool(g, id=None).ids) == ["0", "1"]


def test_awkward_ids_survive_graphml(tmp_path: Path) -> None:
    ties = {"provider": AWKWARD, "receiver": ["o"] * len(AWKWARD), "weight": [1.0] * len(AWKWARD)}
    eco = Ecosystem.from_ties(ties | {"relation": [f"{id}, {id}" for id in AWKWARD]})
    eco.to_graphml(tmp_path / "g.graphml")
    assert_same(Ecosystem.from_graphml(tmp_path / "g.graphml"), eco)


def test_graphml_files_are_whole_or_refused(tmp_path: Path) -> None:
    eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]})
    path = tmp_path / "g.graphml"
    eco.to_graphml(path)
    with pytest.raises(OutputError, match="exists"):
        eco.to_graphml(path)
    eco.without("a").to_graphml(path, overwrite=True)
    assert Ecosystem.from_graphml(path).ids.to_list() == ["o"]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="can't be read as GraphML"):
        Ecosystem.from_graphml(path)
    with pytest.raises(SourceError, match="No file"):
        Ecosystem.from_graphml(tmp_path / "absent.graphml")
