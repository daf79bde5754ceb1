"""The ego network: the right people and shares, the same bytes twice, generators left alone, names that don't meet."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ecograph
from ecograph import Ecosystem, Ledger
from ecograph.errors import ParticipantError
from ecograph.figures import layout, network
from ecograph.figures.labels import Box, place, text_size
from ecograph.figures.style import page

AWKWARD = "cost $5^2$ <script>&\n\u202e店"


def world() -> Ecosystem:
    """Mill m feeds wholesaler w, who feeds merchants a and b; a third of o's inputs comes from driver d."""
    ties = {
        "provider": ["m", "w", "w", "a", "b", "d", "d"],
        "receiver": ["w", "a", "b", "o", "o", "o", "a"],
        "relation": ["flour", "food", "food", "meal", "meal", "trip", "trip"],
        "weight": [9.0, 3.0, 4.0, 1.0, 3.0, 2.0, 1.0],
        "count": [9, 3, 4, 1, 3, 2, 1],
    }
    people = {"id": ["m", "w", "a", "b", "d", "o"], "role": ["mill", None, "shop", "shop", "driver", None]}
    return Ecosystem.from_ties(ties, people)


def ledger(**options: Any) -> Ledger:
    return ecograph.reliance(world(), "o", intervals="none", **options)


def named(found: network.Network) -> dict[tuple[str, str, str], float]:
    labels = found.nodes["label"]
    return {(labels[i], labels[j], relation): share for i, j, relation, share in found.arrows.rows()}


def test_shares_are_of_what_the_receiver_gets() -> None:
    found = network.table(ledger(), world())
    assert found.nodes["label"].to_list()[0] == "o"
    assert named(found) == pytest.approx({
        ("a", "o", "meal"): 1 / 6, ("b", "o", "meal"): 1 / 2, ("d", "o", "trip"): 1 / 3, ("d", "a", "trip"): 1 / 4,
        ("w", "a", "food"): 3 / 4, ("w", "b", "food"): 1.0, ("m", "w", "flour"): 1.0})  # fmt: skip


def test_those_in_between_are_one_node_a_role() -> None:
    """Of the first two, w and m, what comes to o passes through the two shops."""
    top = ledger(top=2)
    assert set(top.table["id"]) == {"w", "m"}
    found = network.table(top, world())
    others = found.nodes.filter(kind="others")
    assert others.select("label", "members").rows() == [("shop", 2)]
    assert named(found) == pytest.approx({
        ("m", "w", "flour"): 1.0, ("w", "shop", "food"): 7 / 8, ("shop", "o", "meal"): 4 / 6})  # fmt: skip


def test_what_comes_after_the_conductor_is_not_in_between() -> None:
    """The conductor's customer c feeds b, who provides to it in turn: no part of the way from a."""
    ties = {"provider": ["a", "o", "c", "b", "e"], "receiver": ["o", "c", "b", "o", "b"], "weight": [5, 1, 1, 1, 1]}
    eco = Ecosystem.from_ties(ties, {"id": ["a", "b", "c", "e"], "role": ["seller", "bank", "customer", "bank"]})
    only = ecograph.reliance(eco, "o", role="seller", intervals="none")
    assert network.table(only, eco).nodes["label"].to_list() == ["o", "a"]


def test_relation_weights_are_those_of_the_ranking() -> None:
    found = network.table(ledger(relation_weights={"flour": 1, "food": 1, "meal": 1, "trip": 2}), world())
    assert named(found)["d", "o", "trip"] == pytest.approx(1 / 2)


def test_chokepoints_by_captive_else_by_reach() -> None:
    top = ledger()
    assert not network.table(top, world()).nodes["chokepoint"].any()
    one = world().without(["d"])
    alone = ecograph.reliance(one, "o", intervals="none")
    marked = network.table(alone, one).nodes.filter("chokepoint")["label"].to_list()
    assert sorted(marked) == ["m", "w"], "every chain runs into both"
    captive = alone.table.with_columns(captive=pl.when(pl.col("id") == "w").then(0.5).otherwise(0.0))
    marked = network.table(replace(alone, table=captive), one).nodes.filter("chokepoint")["label"].to_list()
    assert marked == ["w"]


def test_another_ecosystem_is_refused() -> None:
    with pytest.raises(ParticipantError, match="No participant 'w'"):
        network.table(ledger(), world().without(["w"]))


def test_thin_arrows_are_counted_and_nobody_is_cut_off(tmp_path: Path) -> None:
    network.draw(ledger(), world(), tmp_path / "n", least=0.9)
    svg = (tmp_path / "n.svg").read_text()
    assert "not drawn: 2 arrows under 90%" in svg, "d -> a and w -> a; those to o stay"


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The figure of ids that could be read as markup, drawn twice."""
    folder = tmp_path_factory.mktemp("network")
    ties = {"provider": [AWKWARD, "店" * 30, "x"], "receiver": ["x", "o$", "o$"], "weight": [1.0, 2.0, 3.0]}
    eco = Ecosystem.from_ties(ties, {"id": [AWKWARD], "role": ["$r$"]})
    made = ecograph.reliance(eco, "o$", intervals="none")
    for name in ("one", "two"):
        network.draw(made, eco, folder / name)
    return folder


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_same_bytes_twice(awkward: Path, kind: str) -> None:
    one, two = (hashlib.sha256((awkward / f"{name}.{kind}").read_bytes()).hexdigest() for name in ("one", "two"))
    assert one == two


def test_ids_stay_text(awkward: Path) -> None:
    svg = (awkward / "one.svg").read_text()
    texts = ["".join(t.itertext()) for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert any(r"cost $5^2$ <script>&\n" in text for text in texts)
    assert any("$r$" in text for text in texts)
    assert "<script" not in svg


EDGES = [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]


def test_places_depend_on_no_generator_and_leave_all_as_they_are() -> None:
    """In a process of its own, since graph-tool 2.45 draws from NumPy's generator when it is first imported."""
    code = f"""
import numpy as np
from ecograph.figures.layout import radial
np.random.seed(7)
places = radial(6, {EDGES}, [1.0] * 6)
first = np.random.random()
import graph_tool as gt, graph_tool.generation as gen
def degrees(): return gen.random_graph(30, lambda: 3, directed=False).get_edges().tolist()
gt.seed_rng(5); np.random.seed(5); a = degrees(), degrees()
gt.seed_rng(5); np.random.seed(5); b = [degrees()]; again = radial(6, {EDGES}, [1.0] * 6); b.append(degrees())
np.random.seed(7)
print(first == np.random.random(), list(a) == b, a[0] != a[1], (places == again).all())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4, done.stderr


def test_rings_count_steps() -> None:
    places = layout.radial(6, EDGES, [1.0] * 6)
    assert np.hypot(*places.T) == pytest.approx([0, 1, 1, 2, 2, 2])


@given(st.integers(2, 14), st.integers(0, 1000))
def test_fit_keeps_nodes_apart_and_on_the_page(n: int, seed: int) -> None:
    places = np.vstack([[0.0, 0.0], np.random.default_rng(seed).integers(-2, 3, (n - 1, 2))])
    box = Box(30.0, 50.0, 330.0, 300.0)
    at = layout.fit(places, box, apart=20.0)
    assert at[0] == pytest.approx([180.0, 175.0])
    assert (at >= [box.left - 1e-9, box.bottom - 1e-9]).all()
    assert (at <= [box.right + 1e-9, box.top + 1e-9]).all()
    assert min(np.hypot(*(a - b)) for a, b in combinations(at, 2)) > 16.0


def test_names_lie_on_nobody_and_on_the_page() -> None:
    rng = np.random.default_rng(3)
    space = Box(0.0, 0.0, 400.0, 300.0)
    at = layout.fit(np.vstack([[0.0, 0.0], rng.normal(size=(15, 2))]), Box(60.0, 30.0, 340.0, 270.0), 20.0)
    nodes = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    with page(4.0, 3.0):
        sizes = [text_size(f"participant {i:04}", 7.0) for i in range(len(nodes))]
    boxes = [box for box, _ in place(nodes, sizes, np.empty((0, 2)), space)]
    assert all(one.overlap(other) == 0 for one, other in combinations(boxes, 2))
    assert all(box.overlap(node) == 0 for box in boxes for node in nodes)
    assert all(box.overlap(space) == pytest.approx(box.area()) for box in boxes)


def test_a_name_at_the_edge_stays_on_the_page() -> None:
    space = Box(0.0, 0.0, 200.0, 100.0)
    corners = [Box(x - 6, y - 6, x + 6, y + 6) for x in (8.0, 192.0) for y in (8.0, 92.0)]
    for box, _ in place(corners, [(60.0, 8.0)] * 4, np.empty((0, 2)), space):
        assert box.overlap(space) == pytest.approx(box.area())


def test_a_name_is_measured_as_it_is_written() -> None:
    with page(3.0, 2.0):
        plain, dollars = text_size("5^2", 7.0), text_size("$5^2$", 7.0)
    assert dollars[0] > plain[0], "as mathematics it would be narrower"
