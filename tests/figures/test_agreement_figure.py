"""The agreement figure shows the Ledger's own tau-b, and ranks that add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

import ecograph
from ecograph import Ecosystem, Ledger
from ecograph.errors import EcographError
from ecograph.figures import agreement

AWKWARD = "cost $5^2$ <script>&"


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """Farm f gives to shops a and b, which alone have ties with o, and an unrelated driver d, too."""
    ties = {"provider": [AWKWARD, AWKWARD, "a", "b", "d"], "receiver": ["a", "b", "o", "o", "o"],
            "weight": [1.0, 1.0, 4.0, 3.0, 2.0]}  # fmt: skip
    return ecograph.reliance(Ecosystem.from_ties(ties), "o", intervals="none")


def test_pairs_are_the_ledger_s_own(ledger: Ledger) -> None:
    pairs = agreement.table(ledger)
    assert pairs.select("lens", "other").rows() == [("direct", "rooted"), ("direct", "reach"), ("rooted", "reach")]
    assert ledger.agreement is not None
    for lens, other, tau in pairs.iter_rows():
        names = ledger.agreement["lens"].to_list()
        assert tau == ledger.agreement[other][names.index(lens)]


def test_a_constant_lens_is_told(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.agreement is not None
    constant = replace(ledger, agreement=ledger.agreement.with_columns(rooted=pl.lit(float("nan"))))
    assert agreement.table(constant).filter(lens="rooted")["tau_b"].to_list() == [None]
    agreement.draw(constant, tmp_path / "a")
    assert ">none<" in (tmp_path / "a.svg").read_text()


def test_equal_values_share_the_mean_of_their_ranks(ledger: Ledger) -> None:
    ranks = agreement.ranks(ledger)
    assert ranks["reach"].to_list() == [1, 2, 3, 4]
    assert ranks["direct"].to_list() == [4, 1, 2, 3], "the farm has no direct tie"
    tied = replace(ledger, table=ledger.table.with_columns(direct=pl.lit(0.0)))
    assert agreement.ranks(tied)["direct"].to_list() == [2.5] * 4
    assert agreement.ranks(ledger, top=2).height == 2


def test_one_lens_has_nothing_to_compare(ledger: Ledger) -> None:
    with pytest.raises(EcographError, match="no agreement of lenses"):
        agreement.draw(replace(ledger, agreement=None))


def test_drawn_by_the_ledger_the_same_bytes_twice(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("one", "two"):
        ledger.plot_agreement(stem=tmp_path / name, top=3, width=3.4)
    for kind in ("svg", "pdf", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    svg = (tmp_path / "one.svg").read_text()
    texts = ["".join(t.itertext()) for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert any(AWKWARD in text for text in texts)
    for tau in agreement.table(ledger)["tau_b"]:
        assert f"{tau:.2f}".replace("-", "\N{MINUS SIGN}") in texts
