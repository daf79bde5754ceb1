"""What is kept is found again by the very objects that it was made of, lives no longer than they, and is bounded."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import ecograph
from ecograph import Ecosystem, device
from ecograph.errors import EcographError, MemoryLimitError
from ecograph.kept import HOST, Kept
from ecograph.metrics import in_degree_centrality, pagerank
from ecograph.metrics import tie_graph as graphs
from ecograph.metrics.tie_graph import tie_graph


class Thing:
    """Something that can be held weakly."""


def ecosystem(first: float = 1.0) -> Ecosystem:
    weight, relation = [first, 2.0, 3.0, 4.0, 5.0], list("xxyyx")
    ties = {"provider": list("abcaa"), "receiver": list("bcabc"), "weight": weight, "relation": relation}
    return Ecosystem.from_ties(ties, relations={"x": ("u", "service"), "y": ("u", "money")})


@pytest.fixture(autouse=True)
def none_kept() -> None:
    HOST.clear()


def test_it_is_made_once_for_the_same_object_and_key() -> None:
    kept, one, other = Kept(4), Thing(), Thing()
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return [name]

    first = kept.get((one,), "a", lambda: make("one a"))
    assert kept.get((one,), "a", lambda: make("again")) is first
    assert kept.get((one,), "b", lambda: make("one b")) == ["one b"]
    assert kept.get((other,), "a", lambda: make("other a")) == ["other a"]
    assert kept.get((one, other), "a", lambda: make("both a")) == ["both a"]
    assert made == ["one a", "one b", "other a", "both a"]


def test_it_goes_with_any_of_the_objects() -> None:
    kept, one, other = Kept(4), Thing(), Thing()
    ref = weakref.ref(kept.get((one, other), "", Thing))
    assert ref() is not None
    del other
    assert ref() is None
    assert len(kept) == 0


def test_another_object_of_the_same_number_does_not_get_it() -> None:
    """As an id may be had again: what is kept under it is looked at."""
    kept, one, other = Kept(4), Thing(), Thing()
    kept.get((one,), "", lambda: "one's")
    found = kept._found
    found["", id(other)] = found.pop(("", id(one)))
    assert kept.get((other,), "", lambda: "other's") == "other's"


def test_the_one_not_used_for_longest_goes_first() -> None:
    kept, things = Kept(2), [Thing() for _ in range(3)]
    kept.get((things[0],), "", lambda: "0")
    kept.get((things[1],), "", lambda: "1")
    kept.get((things[0],), "", lambda: "used")
    kept.get((things[2],), "", lambda: "2")
    assert len(kept) == 2
    assert kept.get((things[0],), "", lambda: "anew") == "0"
    assert kept.get((things[1],), "", lambda: "anew") == "anew"


def test_letting_go_leaves_what_is_in_use() -> None:
    kept, things, values = Kept(4), [Thing(), Thing()], [Thing(), Thing()]
    for thing, value in zip(things, values, strict=True):
        kept.get((thing,), "", iter([value]).__next__)
    assert kept.let_go(using=values[:1])
    assert not kept.let_go(using=values[:1])
    assert kept.get((things[0],), "", Thing) is values[0]
    assert kept.let_go()
    assert not kept.let_go()


def test_nothing_is_kept_of_a_failure_or_of_a_key_that_cannot_be_looked_for() -> None:
    kept, one = Kept(4), Thing()

    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kept.get((one,), "", fail)
    assert kept.get((one,), [], lambda: 1) == 1  # type: ignore[arg-type]
    assert kept.get((one,), "", lambda: 2, keep=lambda _: False) == 2
    assert len(kept) == 0


def test_a_graph_is_made_once_and_again_for_every_other_question() -> None:
    eco = ecosystem()
    first = tie_graph(eco)
    asked: list[dict[str, Any]] = [
        {"layer": "service"}, {"layer": "money"}, {"relation_weights": {"x": 2.0, "y": 1.0}},
        {"relation_weights": {"x": 3.0, "y": 1.0}}, {"normalise": "relation"}, {"weight": None},
    ]  # fmt: skip
    for one in asked:
        HOST.clear()
        expected = tie_graph(eco, **one)
        HOST.clear()
        tie_graph(eco)  # is kept
        found = tie_graph(eco, **one)
        again = tie_graph(eco, **one)
        assert again.into is found.into
        assert again.out is found.out
        for side in ("into", "out"):
            for name in ("ptr", "column", "amount"):
                values = getattr(getattr(found, side), name)
                np.testing.assert_array_equal(values, getattr(getattr(expected, side), name))
                with pytest.raises(ValueError, match="read-only"):
                    values[:1] = 0
        assert found.into is not first.into
    turned = tie_graph(eco, weight=None, reverse=True)
    assert (turned.into, turned.out) == (found.out, found.into)


def test_two_ecosystems_have_two_graphs_and_no_more_than_two_are_kept() -> None:
    ecos = [ecosystem(1.0), ecosystem(10.0), ecosystem(100.0)]
    found = [pagerank(eco) for eco in ecos]
    assert len(HOST) == 2
    for eco, expected in zip(ecos, found, strict=True):
        np.testing.assert_array_equal(pagerank(eco), expected)
    assert len({values.tobytes() for values in found}) == 3


def test_a_graph_goes_with_its_ecosystem() -> None:
    eco = ecosystem()
    amount = weakref.ref(tie_graph(eco).out.amount)
    gc.collect()
    assert amount() is not None
    del eco
    gc.collect()
    assert amount() is None
    assert len(HOST) == 0


def test_wrong_questions_are_refused_as_before() -> None:
    eco = ecosystem()
    pagerank(eco)
    with pytest.raises(EcographError, match="no layer"):
        in_degree_centrality(eco, layer=["service"])  # type: ignore[arg-type]
    with pytest.raises(EcographError, match="relation_weights names"):
        pagerank(eco, relation_weights={"x": 1.0, "y": 1.0, "z": 1.0})


def test_a_large_graph_is_not_kept_and_kept_ones_go_before_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = ecosystem()
    size = sum(rows.ptr.nbytes + 12 * rows.column.size for rows in (tie_graph(eco).into, tie_graph(eco).out))
    HOST.clear()
    monkeypatch.setattr(graphs, "memory", lambda: (None, graphs.SHARE * size - 1))
    tie_graph(eco)
    assert len(HOST) == 0
    monkeypatch.setattr(graphs, "memory", lambda: (None, graphs.SHARE * size))
    tie_graph(eco)
    tie_graph(eco, weight=None)
    assert len(HOST) == 2
    monkeypatch.setattr(device, "memory", lambda: (None, 1000 - 100 * len(HOST)))
    device.check_memory(800, "this", "less")
    assert len(HOST) == 2
    device.check_memory(900, "this", "less")
    assert len(HOST) == 1
    with pytest.raises(MemoryLimitError):
        device.check_memory(1001, "this", "less")
    assert ecograph.metrics.core_number(eco).tolist() == [2, 2, 2]
