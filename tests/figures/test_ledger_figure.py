"""The ledger figure shows the Ledger's own numbers, the same bytes twice, whatever the ids hold."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ecograph
from ecograph.figures import ledger as figure
from ecograph.figures.style import marks

AWKWARD = "cost $5^2$ <script>&\n\u202e店"


def made(provider: str = AWKWARD) -> ecograph.Ledger:
    ties = {
        "provider": [provider, "driver", "merchant", "merchant"],
        "receiver": ["merchant", "o", "o", "driver"],
        "weight": [4.0, 1.0, 3.0, 2.0],
    }
    people = {"id": [provider, "driver", "merchant", "o"], "role": [None, "driver", "merchant", "platform"]}
    return ecograph.reliance(ecograph.Ecosystem.from_ties(ties, people), "o")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_table_is_the_ledger_s_own_numbers() -> None:
    ledger = made("farm")
    table = figure.table(ledger)
    assert table["value"].to_list() == ledger.table["reach"].to_list()
    assert table["direct"].to_list() == ledger.table["direct"].to_list()
    assert table.filter(label="farm")["role"].item() == "(no role)"


def test_direct_is_not_drawn_beside_itself() -> None:
    ledger = ecograph.reliance(
        ecograph.Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1.0]}), "o", by="direct"
    )
    assert figure.table(ledger)["direct"].null_count() == 1


def test_same_bytes_twice_and_no_date(tmp_path: Path) -> None:
    for name in ("one", "two"):
        figure.draw(made(), tmp_path / name)
    assert sha(tmp_path / "one.svg") == sha(tmp_path / "two.svg")
    assert sha(tmp_path / "one.png") == sha(tmp_path / "two.png")
    assert "<dc:date>" not in (tmp_path / "one.svg").read_text()


def test_ids_stay_text_in_the_svg(tmp_path: Path) -> None:
    figure.draw(made(), tmp_path / "figure")
    svg = (tmp_path / "figure.svg").read_text()
    texts = ["".join(t.itertext()) for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert any(r"cost $5^2$ <script>&\n\u202e店" in text for text in texts)
    assert "<script" not in svg


@pytest.mark.parametrize("n", [2, 7, 12, 40])
def test_roles_differ_in_more_than_colour(n: int) -> None:
    looks = marks([f"role {i}" for i in range(n)])
    assert len({mark.shape for mark in list(looks.values())[:9]}) == min(n, 9)
    assert len(set(looks.values())) == n


def test_a_figure_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(ecograph.EcographError, match="can't write"):
        figure.draw(made(), tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg"]
