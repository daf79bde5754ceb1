"""``ecograph loss``: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from ecograph.output import read_output
from tests.test_cli import LOG, Run, log, run

__all__ = ["log", "run"]  # fixtures


def test_it_prints_losses_rounds_and_the_bound(run: Run, log: Path) -> None:
    code, out, _ = run("loss", log, "--conductor", "app", "--close", "s1", "--close", "s2,s3")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["closure", "total", "down", "up"] in rows
    assert ["s1", "0.6000", "0.6000", "0.0000"] in rows
    assert any(row[:3] == ["s2", "+", "s3"] and row[-2] == "0.4000" for row in rows)
    assert "error at most" in out
    assert "5 rows = 5 good" in out


def test_json_and_a_share_of_the_capacity(run: Run, log: Path) -> None:
    code, out, err = run("loss", log, "-c", "app", "--close", "w", "--share", 0.5, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["losses"][0]["closure"] == "w (0.5)"
    assert facts["losses"][0]["down"] == pytest.approx(0.2, rel=1e-12)
    assert facts["error_bound"] == 0.0


def test_without_a_conductor_all_lose(run: Run, log: Path) -> None:
    """15 are sold in all, 10 by w and 1 each by s2 and s3, who go with it."""
    _, out, _ = run("loss", log, "--close", "w", "--json")
    facts = json.loads(out)
    assert facts["conductor"] is None
    assert facts["losses"][0]["down"] == pytest.approx(12 / 15, rel=1e-12)


def test_classes_of_inputs_come_from_a_file(run: Run, log: Path, tmp_path: Path) -> None:
    """What app buys of s2's own group is all from s2, and without it app stands still."""
    file = tmp_path / "classes.csv"
    file.write_text("supplier,buyer,class\ns2,app,2\ns1,app,0\n")
    _, out, _ = run("loss", log, "-c", "app", "--close", "s2", "--close", "s1", "--essential", file, "--json")
    assert [row["down"] for row in json.loads(out)["losses"]] == [1.0, 0.0]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "supplier,buyer,class\ns2,app,x\n", "supplier,buyer,class\ns2,,1\n",
                                  "supplier,buyer,class\ns2,app,1\ns2,app,2\n", ""])  # fmt: skip
def test_a_file_of_other_things_is_refused(run: Run, log: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "classes.csv"
    file.write_text(text)
    code, out, err = run("loss", log, "--close", "s2", "--essential", file)
    assert (code, out) == (3, "")
    assert "supplier,buyer,class" in err


def test_a_folder_holds_table_mapping_and_provenance(run: Run, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert run("loss", log, "-c", "app", "--close", "s1", "-o", folder).code == 0
    facts = read_output(folder)
    assert set(facts["files"]) == {"loss.parquet", "loss.csv", "quarantine.csv", "mapping.toml"}
    assert facts["loss"]["parameters"]["conductor"] == "app"
    assert pl.read_parquet(folder / "loss.parquet")["total"][0] == pytest.approx(0.6, rel=1e-12)
    assert run("loss", log, "-c", "app", "--close", "s1", "-o", folder).code == 8


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--close", "nobody"], 6, "nobody"),
        (["--close", "s1", "-c", "nobody"], 6, "nobody"),
        (["--close", "s1", "--share", "1.5"], 2, "share"),
        (["--close", ","], 2, "close"),
        ([], 2, "close"),
        (["--close", "s1", "--substitution", "on"], 2, "substitution"),
        (["--close", "s1", "--tol", "nan"], 2, "tol"),
        (["--close", "s1", "--essential", "/nowhere.csv"], 3, "supplier,buyer,class"),
    ],
)
def test_wrong_options_have_their_code(run: Run, log: Path, arguments: list[str], code: int, said: str) -> None:
    ended = run("loss", log, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_an_empty_log_has_nothing_to_lose(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text(LOG.splitlines()[0] + "\n")
    assert run("loss", path, "--close", "s1").code in (3, 6)
