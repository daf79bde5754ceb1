"""The ledger figure shows the Ledger's own numbers, the same bytes twice, whatever the ids hold."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import polars as pl
import pytest

import ecograph
from ecograph.figures import ledger as figure
from ecograph.figures import style
from ecograph.figures.rank_panels import groups_of
from ecograph.figures.style import marks

AWKWARD = "cost $5^2$ <script>&\n\u202e店"


def made(provider: str = AWKWARD) -> ecograph.Ledger:
    ties = {
        "provider": [provider, "driver", "merchant", "merchant"],
        "receiver": ["merchant", "o", "o", "driver"],
        "weight": [4.0, 1.0, 3.0, 2.0],
    }
    people = {"id": [provider, "driver", "merchant", "o"], "role": [None, "driver", "merchant", "platform"]}
    return ecograph.reliance(ecograph.Ecosystem.from_ties(ties, people), "o", intervals="none")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_table_is_the_ledger_s_own_numbers() -> None:
    ledger = made("farm")
    table = figure.table(ledger)
    assert table["value"].to_list() == ledger.table["reach"].to_list()
    assert table["direct"].to_list() == ledger.table["direct"].to_list()
    assert table.filter(label="farm")["role"].item() == "(no role)"


def with_intervals(ledger: ecograph.Ledger) -> ecograph.Ledger:
    """The same, with intervals made up by hand; the last rank is open."""
    n = len(ledger)
    return replace(ledger, table=ledger.table.with_columns(
        reach_low=pl.col("reach") * 0.9, reach_high=pl.col("reach") * 1.0,
        rank_low=pl.Series([1, 1, *range(3, n + 1)]), rank_high=pl.Series([2, 2, *range(3, n), 900]),
        p_top=pl.lit(1.0), tie_group=pl.Series(["a", "ab", *["b"] * (n - 2)])))  # fmt: skip


def test_intervals_ranks_and_groups_are_the_ledger_s_own() -> None:
    ledger = with_intervals(made("farm"))
    table = figure.table(ledger)
    assert table["low"].to_list() == ledger.table["reach_low"].to_list()
    assert table["high"].to_list() == ledger.table["reach_high"].to_list()
    assert table["rank_high"].to_list() == [2, 2, 900]
    assert groups_of(table["tie_group"]) == {"a": [0, 1], "b": [1, 2]}
    assert not {"low", "rank_low", "tie_group"} & set(figure.table(made("farm")).columns)


@pytest.mark.parametrize(("width", "panels"), [(3.4, 2), (5.5, 3), (7.0, 3)])
def test_intervals_have_panels_of_their_own(width: float, panels: int, tmp_path: Path) -> None:
    ledger = with_intervals(made("farm"))
    drawn = figure.draw(ledger, tmp_path / "figure", width=width)
    assert len(drawn.axes) == panels
    (whiskers,) = drawn.axes[0].collections
    low, high = zip(*(np.asarray(path.vertices)[:, 0] for path in whiskers.get_paths()), strict=True)
    assert low == pytest.approx(ledger.table["reach_low"].to_list())
    assert high == pytest.approx(ledger.table["reach_high"].to_list())
    dots = [line for line in drawn.axes[-1].lines if line.get_marker() == "o"]
    assert [np.asarray(line.get_ydata()).tolist() for line in dots] == [[0, 1], [1, 2]]
    labels = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert ("3 (3\N{EN DASH}900)" in labels[-1]) == (width < 4.5), "a narrow figure tells rank intervals in numbers"
    assert len(figure.draw(made("farm"), width=width).axes) == 1


def test_direct_is_not_drawn_beside_itself() -> None:
    ledger = ecograph.reliance(
        ecograph.Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1.0]}), "o", by="direct"
    )
    assert figure.table(ledger)["direct"].null_count() == 1


def test_same_bytes_twice_and_no_date(tmp_path: Path) -> None:
    for name in ("one", "two"):
        figure.draw(made(), tmp_path / name)
    for kind in ("svg", "pdf", "png"):
        assert sha(tmp_path / f"one.{kind}") == sha(tmp_path / f"two.{kind}")
    assert "<dc:date>" not in (tmp_path / "one.svg").read_text()
    assert b"CreationDate" not in (tmp_path / "one.pdf").read_bytes()


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


def test_one_layout_serves_all_formats_and_the_figure_is_given_back_as_it_was(tmp_path: Path) -> None:
    ledger = made("a name that is as long as names may be")
    drawn, plain = figure.draw(ledger, tmp_path / "ledger"), figure.draw(ledger)
    assert type(drawn.get_layout_engine()) is type(plain.get_layout_engine()) is not type(None)
    assert drawn.dpi == plain.dpi
    drawn.dpi = plain.dpi = style._DPI
    with matplotlib.rc_context(style._RC):  # sizes of letters are looked up when they are measured
        left, unlaid = (each.axes[0].get_tightbbox() for each in (drawn, plain))
    assert left is not None
    assert unlaid is not None
    # laid out; where Matplotlib puts axes by itself, such a name runs off the page
    assert left.x0 >= 0 > unlaid.x0
