"""Saved and loaded: the same, whole, unaltered, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from ecograph.ecosystem import Ecosystem
from ecograph.errors import OutputError
from ecograph.output import output_folder
from tests.compare import assert_same
from tests.strategies import ecosystems

FILES = ["participants.parquet", "provenance.json", "ties.parquet"]


@pytest.fixture
def eco() -> Ecosystem:
    ties = {"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [1.0, 2.5], "count": [1, 2]}
    made = Ecosystem.from_ties(ties, {"id": ["a"], "role": ["driver"]})
    made.provenance["ingest"] = {"rows": 3, "reasons": {"amount missing": 1}}
    return made


@given(ecosystems())
@settings(max_examples=15)  # each writes to disk and waits for it
def test_what_is_loaded_is_what_was_saved(eco: Ecosystem) -> None:
    with TemporaryDirectory() as folder:
        eco.save(f"{folder}/eco")
        assert_same(Ecosystem.load(f"{folder}/eco"), eco)


def test_provenance_and_periods_come_back(eco: Ecosystem, tmp_path: Path) -> None:
    dated = Ecosystem(eco.participants, eco.ties, eco.relations, (0,), "1mo", eco.provenance, "Asia/Jakarta")
    dated.save(tmp_path / "eco")
    loaded = Ecosystem.load(tmp_path / "eco")
    assert_same(loaded, dated)
    assert loaded.provenance == eco.provenance


def test_saved_twice_the_bytes_are_the_same(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "one")
    Ecosystem.load(tmp_path / "one").save(tmp_path / "two")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == FILES


def test_the_tables_read_alone_say_who_and_what(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "eco")
    ids = pl.read_parquet(tmp_path / "eco" / "participants.parquet")["id"]
    ties = pl.read_parquet(tmp_path / "eco" / "ties.parquet")
    assert sorted(zip(ids.gather(ties["provider"]), ties["weight"], strict=True)) == [("a", 1.0), ("b", 2.5)]
    facts = json.loads((tmp_path / "eco" / "provenance.json").read_text())
    assert facts["ecosystem"]["relations"] == [["tie", "1", "service"]]
    assert set(facts["files"]) == {"participants.parquet", "ties.parquet"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["truncate", "flip", "remove"])
def test_a_harmed_set_is_refused(eco: Ecosystem, tmp_path: Path, name: str, harm: str) -> None:
    eco.save(tmp_path / "eco")
    path = tmp_path / "eco" / name
    content = bytearray(path.read_bytes())
    if harm == "truncate":
        path.write_bytes(content[:-1] if name != "provenance.json" else content[:-3])
    elif harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(OutputError, match=f"{name} (is|was|isn't|can't)"):
        Ecosystem.load(tmp_path / "eco")


def test_an_altered_unit_is_noticed(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "eco")
    path = tmp_path / "eco" / "provenance.json"
    path.write_text(path.read_text().replace('"service"', '"money"'))
    with pytest.raises(OutputError, match="altered"):
        Ecosystem.load(tmp_path / "eco")


def test_tables_of_two_sets_do_not_mix(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "one")
    eco.without("a").save(tmp_path / "two")
    shutil.copy(tmp_path / "two" / "ties.parquet", tmp_path / "one" / "ties.parquet")
    with pytest.raises(OutputError, match=r"ties\.parquet isn't the file"):
        Ecosystem.load(tmp_path / "one")


def test_an_existing_set_is_replaced_only_when_asked(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "eco")
    smaller = eco.without("a")
    with pytest.raises(OutputError, match="exists"):
        smaller.save(tmp_path / "eco")
    assert_same(Ecosystem.load(tmp_path / "eco"), eco)
    smaller.save(tmp_path / "eco", overwrite=True)
    assert_same(Ecosystem.load(tmp_path / "eco"), smaller)
    assert [path.name for path in tmp_path.iterdir()] == ["eco"]


def test_a_failed_save_leaves_what_was_there(eco: Ecosystem, tmp_path: Path) -> None:
    eco.save(tmp_path / "eco")
    eco.provenance["odd"] = object()
    with pytest.raises(OutputError, match="can't be written as JSON"):
        eco.save(tmp_path / "eco", overwrite=True)
    eco.provenance["odd"] = float("nan")
    with pytest.raises(OutputError, match="can't be written as JSON"):
        eco.save(tmp_path / "other")
    del eco.provenance["odd"]
    assert_same(Ecosystem.load(tmp_path / "eco"), eco)
    assert [path.name for path in tmp_path.iterdir()] == ["eco"]


@pytest.mark.parametrize(
    ("facts", "says"), [({}, "another kind"), ({"ecosystem": {"format": 9}}, "format 9.*\n.*update")]
)
def test_other_outputs_are_told_apart(tmp_path: Path, facts: dict[str, Any], says: str) -> None:
    with output_folder(tmp_path / "out", provenance=facts):
        pass
    with pytest.raises(OutputError, match=says):
        Ecosystem.load(tmp_path / "out")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        Ecosystem.load(tmp_path / "absent")
