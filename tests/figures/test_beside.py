"""Figures drawn by another process are those that this one would draw, and nothing is left of it."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ecograph import Ecosystem, Ledger, helper, reliance
from ecograph.figures import beside

FIGURES = sorted(f"{name}.{kind}" for name in ("agreement", "ledger") for kind in ("pdf", "png", "svg"))


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    ties = {"provider": ["a", "b", "c", "$c_2"], "receiver": ["o", "o", "a", "b"], "weight": [3.0, 1.0, 1.0, 0.1]}
    return reliance(Ecosystem.from_ties(ties | {"count": [3, 2, 4, 5]}), "o")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "cores", lambda: 2)


def drawn(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def here(ledger: Ledger, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    beside.draw_all(ledger, folder)
    return drawn(folder)


def test_a_packed_ledger_is_the_same_ledger(ledger: Ledger, tmp_path: Path) -> None:
    out = BytesIO()
    beside.pack(ledger, tmp_path, out)
    out.seek(0)
    same, folder = beside.unpack(out)
    assert folder == tmp_path
    assert same.table.equals(ledger.table)
    assert same.table.schema == ledger.table.schema
    assert (same.title, same.remarks(), same.lenses) == (ledger.title, ledger.remarks(), ledger.lenses)
    assert (same.certificate, same.notes) == (ledger.certificate, ledger.notes)


def test_another_process_draws_the_same_bytes_and_ends(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with beside.drawing() as draw:
        draw(ledger, tmp_path / "there")()
        found = drawn(tmp_path / "there")
    assert sorted(found) == FIGURES
    assert found == here(ledger, tmp_path / "here")


def test_where_it_comes_to_grief_they_are_drawn_here(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*given: Any, stdin: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=stdin, start_new_session=True)

    monkeypatch.setattr(beside, "start", start)
    (tmp_path / "there").mkdir()
    with beside.drawing() as draw:
        draw(ledger, tmp_path / "there")()
    assert drawn(tmp_path / "there") == here(ledger, tmp_path / "here")


def test_nothing_is_left_of_it_where_the_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = helper.start

    def start(*given: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*given, **options))
        return started[-1]

    monkeypatch.setattr(beside, "start", start)
    with pytest.raises(ZeroDivisionError), beside.drawing():
        raise ZeroDivisionError
    (process,) = started
    assert process.returncode is not None
    assert process.stdin is not None
    assert process.stdin.closed


def test_one_core_has_one_process(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "cores", lambda: 1)
    monkeypatch.setattr(beside, "start", lambda *given, **named: pytest.fail("a process was started"))
    (tmp_path / "one").mkdir()
    with beside.drawing() as draw:
        draw(ledger, tmp_path / "one")()
    assert drawn(tmp_path / "one") == here(ledger, tmp_path / "here")
