"""The ledger: what it says, how it is written, and that nothing from data gets out unescaped."""

from __future__ import annotations

import html.parser
import json
import os
import re
from pathlib import Path
from typing import Any

import numba
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given

from ecograph import device
from ecograph.ecosystem import Ecosystem
from ecograph.errors import DeviceError, EcographError, MemoryLimitError, OutputError, ParticipantError
from ecograph.ledger import Ledger, _latex
from ecograph.metrics import reliance
from tests.strategies import ids

NASTY = [
    "a&b",
    "50%",
    "x_y",
    "{z}",
    "back\\slash",
    "$1",
    "#7",
    "~^",
    "<script>alert(1)</script>",
    "toko 東京",
    "[x]",
    "--",
]


def tiers(**columns: Any) -> Ecosystem:
    """Merchants m1, m2 and driver d provide to o; a supplier s to all three; a bank b to d."""
    arrows = [
        ("m1", "o", 5),
        ("m2", "o", 3),
        ("d", "o", 2),
        ("s", "m1", 1),
        ("s", "m2", 1),
        ("s", "d", 1),
        ("b", "d", 3),
    ]
    provider, receiver, weight = zip(*arrows, strict=True)
    roles = {"m1": "merchant", "m2": "merchant", "d": "driver", "s": "supplier", "b": "finance", "o": None}
    people = {"id": list(roles), "role": list(roles.values()), "group": ["g"] * 6, **columns}
    return Ecosystem.from_ties({"provider": provider, "receiver": receiver, "weight": weight}, people)


def star(names: list[str]) -> Ecosystem:
    n = len(names)
    ties = {"provider": names, "receiver": ["the conductor"] * n, "weight": np.arange(n, 0, -1.0)}
    return Ecosystem.from_ties(ties, {"id": names, "role": names[::-1], "group": names})


# What it says


def test_a_ledger_by_hand() -> None:
    """s is reached by .5 + .3 + .2 / 4; b by .2 * 3 / 4."""
    ledger = reliance(tiers(), "o", top=4)
    assert ledger.table.columns == ["rank", "id", "role", "group", "direct", "rooted", "reach", "tied_with"]
    assert ledger.table.select("rank", "id", "role").rows() == [
        (1, "s", "supplier"), (2, "m1", "merchant"), (3, "m2", "merchant"), (4, "d", "driver")]  # fmt: skip
    assert ledger.table["reach"].to_list() == pytest.approx([0.85, 0.5, 0.3, 0.2], rel=1e-15)
    assert (ledger.n_external, ledger.n_candidates, len(ledger)) == (5, 5, 4)
    assert ledger.certificate.unique
    assert ledger.certificate.outside == pytest.approx(0.15)
    assert ledger.certificate.solved == 0  # no circles: one sum over chains tells all
    assert ledger.agreement is not None
    assert ledger.agreement["lens"].to_list() == ["direct", "rooted", "reach"]
    assert ledger.agreement["direct"][2] == pytest.approx(0.0)  # s is last by direct and first by reach: 3 - 3 pairs
    assert ledger.provenance["device"] == "cpu"
    assert ledger.provenance["parameters"]["conductor"] == "o"
    assert json.dumps(ledger.facts())


def test_a_role_ranks_its_own_and_chains_still_run_through_all() -> None:
    ledger = reliance(tiers(), "o", role="merchant")
    assert ledger.table.select("rank", "id").rows() == [(1, "m1"), (2, "m2")]
    assert (ledger.n_external, ledger.n_candidates) == (5, 2)
    assert "among the 2 candidates of role 'merchant', of 5 external ones" in " ".join(ledger.notes)
    with pytest.raises(ParticipantError, match=r"role 'merchants'\.\nHint: nearest roles: 'merchant'"):
        reliance(tiers(), "o", role="merchants")


def test_what_the_conductor_owns_is_no_external_resource_but_chains_run_through_it() -> None:
    owner = {"owner": ["o", "o", "someone else", None, None, None]}  # m1 and m2 are its own
    ledger = reliance(tiers(**owner), "o")
    assert ledger.table["id"].to_list() == ["s", "d", "b"]
    assert ledger.table["reach"][0] == pytest.approx(0.85)
    assert ledger.n_external == 3


def test_more_than_there_are_means_all() -> None:
    ledger = reliance(tiers(), "o", top=50)
    assert len(ledger) == 5
    assert "All 5 candidates are shown: there are fewer than the 50 asked for." in ledger.notes
    assert ledger.certificate.outside is None
    assert "All candidates are shown" in ledger.certificate.sentence


def test_a_one_step_ecosystem_has_no_agreement_to_show() -> None:
    ledger = reliance(star(["a", "b"]), "the conductor")
    assert ledger.notes[0].startswith("One-step ecosystem")
    assert ledger.agreement is None
    assert ledger.table["direct"].to_list() == ledger.table["reach"].to_list()


def test_a_set_that_is_not_unique_is_said_to_be_so() -> None:
    names = [f"p{i:02}" for i in range(30)]
    ties = {"provider": names, "receiver": ["o"] * 30, "weight": [1.0] * 30}
    ledger = reliance(Ecosystem.from_ties(ties), "o", top=3)
    assert ledger.table["id"].to_list() == ["p00", "p01", "p02"]
    assert ledger.table["rank"].to_list() == [1, 1, 1]
    assert ledger.table["tied_with"][0].to_list() == names[1:21]
    assert "Up to 30 candidates share a rank" in ledger.notes[-1]
    assert not ledger.certificate.unique
    assert "not unique" in ledger.certificate.sentence
    assert "1=  p00" in repr(ledger)


def test_tied_candidates_on_circles_are_all_looked_at() -> None:
    """Forty twins, each in a circle with a partner of its own: equal reach, one set of twenty among many."""
    ties = [(f"t{i:02}", "o", 1.0) for i in range(40)]
    ties += [(f"u{i:02}", f"t{i:02}", 1.0) for i in range(40)] + [(f"t{i:02}", f"u{i:02}", 1.0) for i in range(40)]
    ties += [(f"e{i:02}", f"t{i:02}", 1.0) for i in range(40)]
    provider, receiver, weight = zip(*ties, strict=True)
    ledger = reliance(Ecosystem.from_ties({"provider": provider, "receiver": receiver, "weight": weight}), "o")
    assert ledger.table["id"].to_list() == [f"e{i:02}" for i in range(20)]  # a chain ends at an e, or needed its t
    assert ledger.table["rank"].to_list() == [1] * 20
    assert not ledger.certificate.unique
    assert ledger.certificate.solved >= 40


# Questions that have no answer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lenses": ["direct", "reech"]}, "Unknown lens 'reech'.\nHint: lenses are 'direct', 'rooted', 'reach'"),
        ({"lenses": "reach"}, "isn't a list of lenses"),
        ({"lenses": []}, "isn't a list of lenses"),
        ({"lenses": ["direct"]}, "by='reach' isn't among the lenses asked for.\nHint: by is one of 'direct'"),
        ({"by": "rank"}, "by='rank' is no lens"),
        ({"top": 0}, "top=0 isn't a whole number above 0"),
        ({"top": 2.5}, "top=2.5 isn't"),
        ({"restart": 0.0}, "restart=0.0 isn't in (0, 1]"),
        ({"tol": 0.0}, "tol=0.0 isn't in"),
        ({"tol": float("nan")}, "tol=nan isn't in"),
        ({"intervals": "sigma"}, "intervals='sigma' is unknown.\nHint: intervals is one of 'delta', 'bootstrap'"),
        ({"replicates": 5}, "replicates=5 isn't a whole number >= 20"),
        ({"drop": 1.0}, "drop=1.0 isn't in (0, 1)"),
        ({"seed": -1}, "seed=-1 isn't a whole number"),
        ({"device": "tpu"}, "device='tpu' is unknown"),
    ],
)
def test_unknown_values_name_the_allowed(options: dict[str, Any], said: str) -> None:
    with pytest.raises(EcographError, match=re.escape(said)):
        reliance(tiers(), "o", **options)


def test_unknown_conductors_get_the_nearest_ids() -> None:
    with pytest.raises(ParticipantError, match="nearest ids: 'the conductor'"):
        reliance(star(["a", "b"]), "the conducter")


def test_a_conductor_without_providers_is_told_where_it_has_some() -> None:
    with pytest.raises(ParticipantError, match=r"'s' has no providers.*\n.*only provides to others"):
        reliance(tiers(), "s")
    ties = {"provider": ["a", "b"], "receiver": ["o", "a"], "weight": [1, 1], "relation": ["ride", "pay"]}
    eco = Ecosystem.from_ties(ties, relations={"ride": ("1", "service"), "pay": ("usd", "money")})
    with pytest.raises(ParticipantError, match=r"'o' has no providers in layer 'money'.*\n.*'ride' \(layer 's"):
        reliance(eco, "o", layer="money")


# Devices


def test_a_gpu_that_is_not_there_is_an_error_and_auto_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_gpu", lambda: None)
    with pytest.raises(DeviceError, match="no CUDA device"):
        reliance(tiers(), "o", device="gpu")
    assert device.choose("auto") == ("cpu", "no CUDA device")
    monkeypatch.setattr(device, "find_gpu", lambda: "H100")
    assert device.choose("auto") == ("cpu", "there are no GPU kernels for this (H100 is there)")
    with pytest.raises(DeviceError, match="no GPU kernels"):
        device.choose("gpu")


def test_memory_is_checked_before_work_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "memory", lambda: (10, 10))
    with pytest.raises(MemoryLimitError, match="are needed for the chains"):
        reliance(tiers(), "o")


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="without Numba there are no threads to count")
def test_one_and_two_threads_give_the_same_bits() -> None:
    """A random ecosystem with a giant component: several blocks of lanes, jumps, bounds."""
    rng = np.random.default_rng(5)
    n, m = 400, 1600
    ends = rng.integers(0, n, (2, m)).astype(str)
    eco = Ecosystem.from_ties({"provider": ends[0], "receiver": ends[1], "weight": rng.integers(1, 9, m).astype(float)})
    before = numba.get_num_threads()
    tables = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS), 1):
            numba.set_num_threads(threads)
            tables.append(reliance(eco, "7", top=40))
    finally:
        numba.set_num_threads(before)
    assert tables[0].certificate.solved > 8
    for other in tables[1:]:
        assert other.table.equals(tables[0].table)
        assert other.certificate == tables[0].certificate


def test_progress_rises_to_its_total() -> None:
    calls: list[tuple[str, float, float | None]] = []
    ties = {"provider": ["a", "b", "a", "c"], "receiver": ["o", "a", "b", "b"], "weight": [1, 1, 1, 1]}
    reliance(Ecosystem.from_ties(ties), "o", progress=lambda *call: calls.append(call))
    assert {label for label, _, _ in calls} == {"chains from the conductor", "candidates"}
    assert all(total is not None and done <= total for _, done, total in calls)
    assert calls[-1][1] == pytest.approx(calls[-1][2])


# Files


class Reader(html.parser.HTMLParser):
    """Which elements and which texts a browser would see."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name == "class" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_shows_ids_as_text() -> None:
    found = Reader(reliance(star(NASTY), "the conductor")._repr_html_())
    assert found.tags == {"div", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert set(NASTY) <= set(found.texts)


@given(ids())
def test_no_id_gets_out_of_html_text_or_a_line(name: str) -> None:
    ledger = reliance(star([name, "other " + name]), "the conductor")
    assert Reader(ledger._repr_html_()).tags <= {
        "div", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}  # fmt: skip
    lines = repr(ledger).split("\n")
    assert len(lines) == 2 + 2 + len(ledger.notes) + 1
    assert all(c.isprintable() for line in lines for c in line)


def test_latex_escapes_whatever_latex_would_read() -> None:
    text = reliance(star(NASTY), "the conductor").to_latex()
    written = (r"a\&b", r"50\%", r"x\_y", r"\{z\}", r"back\textbackslash{}slash", r"\$1", r"\#7", "東京", "{[}x{]}",
               r"\textasciitilde{}\textasciicircum{}", r"\textless{}script\textgreater{}")  # fmt: skip
    assert [each for each in written if each not in text] == []
    lines = text.splitlines()
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == len(NASTY) + 1
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 6  # seven columns, whatever the ids hold


@given(ids())
def test_latex_text_has_no_live_character(name: str) -> None:
    bare = re.sub(r"\\text[a-z]+\{\}|\\symbol\{34\}|\\[&%$#_{}]|\{[-'\[\]]\}", "", _latex(name))
    assert not set(bare) & set("\\&%$#_{}~^<>|\"`'[]-")


def ledger() -> Ledger:
    return reliance(star(NASTY), "the conductor")


def test_files_and_streams_give_the_table_back(tmp_path: Path) -> None:
    found = ledger()
    found.write_parquet(tmp_path / "l.parquet")
    assert pl.read_parquet(tmp_path / "l.parquet").equals(found.table)
    found.write_csv(tmp_path / "l.csv")
    read = pl.read_csv(tmp_path / "l.csv", schema_overrides={"tied_with": pl.String})
    assert read["id"].to_list() == found.table["id"].to_list()
    assert [json.loads(text) for text in read["tied_with"]] == found.table["tied_with"].to_list()
    found.write_latex(tmp_path / "l.tex")
    assert (tmp_path / "l.tex").read_text(encoding="utf-8") == found.to_latex()
    assert pl.DataFrame(pa.table(found)).equals(found.table)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.csv", "l.parquet", "l.tex"]


def test_a_file_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "l.csv"
    path.write_text("old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        ledger().write_csv(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"can't write .*no such folder"):
        ledger().write_parquet(tmp_path / "no" / "l.parquet")
