"""The registry hands out the files it means, and says what to do where it can't."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ecograph import Mapping, datasets
from ecograph.datasets import registry
from ecograph.errors import SourceError

COMMITTED = [name for name in datasets.names() if datasets.info(name).committed]
ELSEWHERE = [name for name in datasets.names() if not datasets.info(name).committed]


def test_three_sets_come_with_ecograph() -> None:
    assert COMMITTED == ["bbm_satu_harga", "case_facts", "stophateforprofit_2020"]


@pytest.mark.parametrize("name", datasets.names())
def test_every_file_is_the_registered_one(name: str) -> None:
    try:
        datasets.folder(name)
    except SourceError as error:
        pytest.skip(f"the data set isn't on this machine: {error.message}")
    for file in datasets.info(name).files:
        assert datasets.path(name, file.name).stat().st_size == file.size


@pytest.mark.parametrize("name", datasets.names())
def test_every_entry_says_whom_to_thank_and_how_to_get_it(name: str) -> None:
    entry = datasets.info(name)
    assert all([entry.title, entry.licence, entry.citation, entry.origin, entry.command, entry.files])
    assert all(len(file.sha256) == 64 for file in entry.files)


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_sets_say_where_they_come_from(name: str) -> None:
    assert "Compiled from published" in datasets.info(name).origin
    assert "ompiled from published" in (datasets.folder(name) / "SOURCE.txt").read_text(encoding="utf-8")
    assert {path.name for path in datasets.folder(name).iterdir()} == {
        "SOURCE.txt", *(file.name for file in datasets.info(name).files)}  # fmt: skip


@pytest.mark.parametrize("path", sorted((registry._files() / "mappings").glob("*.toml")), ids=lambda path: path.stem)
def test_every_mapping_can_be_read(path: Path) -> None:
    mapping = Mapping.from_toml(datasets.mapping(path.stem))
    assert Mapping.from_toml(mapping.to_toml()) == mapping


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with nothing in it."""
    monkeypatch.setenv("ECOGRAPH_DATA", str(tmp_path))
    return tmp_path


def test_an_absent_set_is_answered_with_the_way_out(elsewhere: Path) -> None:
    with pytest.raises(SourceError, match=r"isn't here(.|\n)*set ECOGRAPH_DATA(.|\n)*FoodDelivery") as error:
        datasets.path("food_delivery_bayarea")
    assert str(elsewhere) in str(error.value)


def test_an_absent_file_is_named(elsewhere: Path) -> None:
    (elsewhere / "programmableweb").mkdir()
    with pytest.raises(SourceError, match=r"api_nodes_estimator\.csv is missing"):
        datasets.path("programmableweb", "api_nodes_estimator.csv")


@pytest.mark.parametrize("change", [b"\n", None], ids=["longer", "same size"])
def test_an_altered_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes | None) -> None:
    facts = datasets.path("case_facts")
    shutil.copytree(registry._files(), tmp_path / "files")
    monkeypatch.setattr(registry, "_files", lambda: tmp_path / "files")
    copy = datasets.path("case_facts")
    assert copy.parent.parent == tmp_path / "files"
    content = facts.read_bytes()
    copy.write_bytes(content + change if change else content.replace(b"2000000", b"2000001", 1))
    with pytest.raises(SourceError, match="isn't the registered file"):
        datasets.load("case_facts")


def test_a_wheel_carries_the_files_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ecograph" / "datasets"
    monkeypatch.setattr(registry, "__file__", str(package / "registry.py"))
    assert registry._files() == tmp_path / "datasets"
    (package / "files").mkdir(parents=True)
    assert registry._files() == package / "files"


def test_by_default_the_data_lie_beside_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECOGRAPH_DATA", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    beside_the_code = Path(registry.__file__).resolve().parents[3] / "shared" / "data"
    assert registry._roots() == [tmp_path / "shared" / "data", beside_the_code]


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda: datasets.info("food_delivery"), "food_delivery_bayarea"),
        (lambda: datasets.path("programmableweb", "edges.csv"), "m-a_edges.csv"),
        (lambda: datasets.mapping("debian"), "debian_bookworm"),
        (lambda: datasets.write("gojeck", "nowhere"), 'write("gojek", folder)'),
    ],
    ids=["set", "file", "mapping", "generator"],
)
def test_an_unknown_name_gets_the_nearest(call: object, nearest: str) -> None:
    assert callable(call)
    with pytest.raises(SourceError) as error:
        call()
    assert nearest in str(error.value)


def test_tables_come_as_the_text_that_was_stored() -> None:
    facts = datasets.load("case_facts")
    assert facts.height == 64
    drivers = facts.filter(metric="drivers", as_of="2016-06-30").row(0, named=True)
    assert drivers["value"] == "200000"
    assert drivers["source_and_note"] == 'NTU/HBSP case NTU131 (scribd 405229456), "more than"'


def test_a_table_with_a_ragged_record_is_refused() -> None:
    try:
        datasets.folder("programmableweb")
    except SourceError:
        pytest.skip("programmableweb isn't on this machine")
    with pytest.raises(SourceError, match="record 45 doesn't have the 2 fields"):
        datasets.load("programmableweb", "split_nodes.csv")


def test_counts_of_bbm_satu_harga() -> None:
    years = datasets.load("bbm_satu_harga", "outlets_by_year.csv")
    assert [int(added) for added in years["added"]] == [57, 74, 39, 83]
    assert years["cumulative"].to_list()[-1] == "253"
    islands = datasets.load("bbm_satu_harga", "outlets_by_island.csv").drop("as_of", "source")
    assert [sum(map(int, row[:-1])) for row in islands.rows()] == [int(row[-1]) for row in islands.rows()]
    assert islands["total"].to_list() == ["131", "170", "253"]
    behind = set(datasets.load("bbm_satu_harga", "daerah_tertinggal_2020_2024.csv")["regency_code_idn_area_data"])
    outlets = datasets.load("bbm_satu_harga", "outlets_dated_sample.csv")["regency_code"].to_list()
    assert (len(behind), len(outlets), sum(code in behind for code in outlets)) == (62, 25, 11)


def test_counts_of_stophateforprofit() -> None:
    spend = datasets.load("stophateforprofit_2020")["est_us_fb_spend_2019_musd_pathmatics"].to_list()
    assert len(spend) == 60
    assert sum(float(value) for value in spend if value) == pytest.approx(212.1, abs=0.05)
