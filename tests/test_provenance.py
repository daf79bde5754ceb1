"""Provenance is complete, the same each time but for one field, free of names, and always JSON."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph import provenance
from ecograph.provenance import MADE_AT, plain, record

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.floats(width=32).map(np.float32)
keys = st.text() | st.integers()
trees = st.recursive(scalars, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner))


@given(trees)
def test_anything_becomes_strict_json_and_stays_what_it_was(tree: Any) -> None:
    once = plain(tree)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert plain(once) == once


class Choice(NamedTuple):
    device: str
    reason: str


@dataclass
class Options:
    seed: int
    choice: Choice


def test_records_name_their_fields_and_objects_never_their_address() -> None:
    assert plain(Options(1, Choice("cpu", "no CUDA device"))) == {
        "seed": 1,
        "choice": {"device": "cpu", "reason": "no CUDA device"},
    }
    assert plain({"progress": print, "odd": object(), "type": Options}) == {
        "progress": "<print>",
        "odd": "<object>",
        "type": "<Options>",
    }
    assert plain(np.array([0.5])[0]) == 0.5


def test_two_records_differ_in_one_field_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = record(seed=1, tol=1e-10), record(tol=1e-10, seed=1)
    assert first.pop(MADE_AT) <= second.pop(MADE_AT)
    assert json.dumps(first) == json.dumps(second)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert record()[MADE_AT] == "1970-01-02T00:00:00Z"


def test_it_says_with_what_and_never_who_or_where() -> None:
    made = record(seed=1)
    assert {"ecograph", "python", *provenance.NEEDED} <= made["versions"].keys()
    assert made["machine"]["threads"] >= 1
    assert made["machine"]["memory"] > 1024**3
    strings = [value for part in (made["versions"], made["machine"]) for value in part.values()]
    assert platform.node() not in strings
    assert getpass.getuser() not in strings


def test_the_caller_cannot_change_what_the_next_one_reads() -> None:
    provenance.versions()["ecograph"] = "changed"
    assert provenance.versions()["ecograph"] != "changed"
    assert provenance.version_of("no-such-package") is None


def test_graph_tool_is_named_once_it_was_used() -> None:
    asked = "import sys; from ecograph.provenance import versions; print('graph-tool' in versions())"
    for load, named in (("", "False"), ("import graph_tool; ", "True")):
        assert subprocess.check_output([sys.executable, "-c", load + asked], text=True).strip() == named
