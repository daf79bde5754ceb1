"""debian_bookworm_deps: what a package relies on over all chains, checked by taking each resource away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

import ecograph
from ecograph import Ecosystem, Ledger, datasets, metrics

CONDUCTOR, TOP = "jupyter-core", 20
Needs = dict[str, dict[str, Fraction]]


@pytest.fixture(scope="module")
def rows(need: Callable[[str], None]) -> list[tuple[str, str, int]]:
    """(package, target, alternatives) of each hard dependency."""
    need("debian_bookworm_deps")
    table = datasets.load("debian_bookworm_deps")
    return [
        (package, target, int(alternatives))
        for package, target, relation, _, alternatives, _ in table.rows()
        if relation in ("Depends", "Pre-Depends")
    ]


@pytest.fixture(scope="module")
def debian(need: Callable[[str], None]) -> Ecosystem:
    need("debian_bookworm_deps")
    return ecograph.read_events(datasets.path("debian_bookworm_deps"), mapping=datasets.mapping("debian_bookworm"))


@pytest.fixture(scope="module")
def ledger(debian: Ecosystem) -> Ledger:
    return ecograph.reliance(debian, CONDUCTOR, top=TOP)


@pytest.fixture(scope="module")
def needs(rows: list[tuple[str, str, int]]) -> Needs:
    """Shares of each package's needs, exact; only what the conductor depends on in the end."""
    amounts: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for package, target, alternatives in rows:
        amounts[package][target] += Fraction(1, alternatives)
    return {
        package: {target: amount / sum(amounts[package].values()) for target, amount in amounts[package].items()}
        if package in amounts
        else {}
        for package in closure(amounts)
    }


def closure(amounts: Mapping[str, Iterable[str]], without: str | None = None, conductor: str = CONDUCTOR) -> set[str]:
    """What the conductor depends on over all chains that avoid ``without``, itself included."""
    found, waiting = {conductor}, [conductor]
    while waiting:
        fresh = set(amounts.get(waiting.pop(), ())) - found - {without}
        found |= fresh
        waiting += fresh
    return found


def ends(needs: Needs, closed: str | None = None) -> dict[str, Fraction]:
    """Where chains of dependence from the conductor end, exact; what would go on at ``closed`` ends there.

    One package after another is taken out and its needs are handed to those that need it, until only
    the conductor and packages without needs are left.
    """
    rows = {package: dict(targets) for package, targets in needs.items() if targets and package != closed}
    for gone in sorted(rows.keys() - {CONDUCTOR}, key=lambda package: (len(rows[package]), package)):
        row = rows.pop(gone)
        again = row.pop(gone, Fraction(0))
        for user in rows.values():
            if gone in user:
                share = user.pop(gone) / (1 - again)
                for target, part in row.items():
                    user[target] = user.get(target, Fraction(0)) + share * part
    return rows[CONDUCTOR]


def test_counts_of_hard_dependencies(debian: Ecosystem, rows: list[tuple[str, str, int]]) -> None:
    ties = debian.tie_table()
    assert ties.height == len({(package, target) for package, target, _ in rows}) == 282_432
    assert debian.report is not None
    assert (debian.report.rows, debian.report.quarantined) == (366_167, 0)
    assert debian.report.good == len(rows) == 287_172
    stated = dict(ties.group_by("provider").agg(pl.col("count").sum()).rows())
    published = {"libc6": 21_817, "python3": 8_325, "libstdc++6": 7_436, "libgcc-s1": 6_254, "perl": 5_259}
    assert {name: stated[name] for name in published} == published


def test_alternatives_are_one_need(debian: Ecosystem, rows: list[tuple[str, str, int]]) -> None:
    """Whatever the number of alternatives, a need weighs 1: weights of a package sum to its needs."""
    package = "mime-support"
    assert [(target, n) for name, target, n in rows if name == package] == [("mailcap", 1), ("media-types", 1)]
    shared = debian.tie_table().filter(receiver="python3.11")
    assert dict(shared.select("provider", "weight").rows()) == {
        "python3.11-minimal": 1.0, "libpython3.11-stdlib": 1.0, "media-types": 0.5, "mime-support": 0.5}  # fmt: skip
    needs_of_all = sum(Fraction(1, n) for _, _, n in rows)
    assert debian.ties.weight.sum() == pytest.approx(float(needs_of_all), rel=1e-12)


def test_top_twenty_are_those_of_exact_elimination(ledger: Ledger, needs: Needs) -> None:
    exact = {package: ends(needs, package)[package] for package in needs.keys() - {CONDUCTOR}}
    assert ledger.n_external == len(exact) == 54
    kth = sorted(exact.values(), reverse=True)[TOP - 1]
    surely = {package for package, value in exact.items() if value > kth}
    assert surely < set(ledger.table["id"]) <= {package for package, value in exact.items() if value >= kth}
    for package, direct, reach in ledger.table.select("id", "direct", "reach").rows():
        assert reach == pytest.approx(float(exact[package]), abs=1e-10), package
        assert direct == pytest.approx(float(needs[CONDUCTOR].get(package, 0)), abs=1e-15), package


def test_reach_is_what_no_longer_arrives_when_a_resource_is_taken_away(ledger: Ledger, needs: Needs) -> None:
    """Without k, what chains bring to packages without needs is 1 - reach: nobody stands in for k."""
    assert sum(ends(needs).values()) == 1
    for package, reach in ledger.table.select("id", "reach").rows():
        removed = {
            user: {target: share for target, share in row.items() if target != package}
            for user, row in needs.items()
            if user != package
        }
        sinks = {name for name, row in needs.items() if not row}
        arrives = sum(share for end, share in ends(removed).items() if end in sinks)
        assert reach == pytest.approx(1 - float(arrives), abs=1e-10), package


def test_without_a_resource_the_rest_is_the_closure_by_brute_force(
    debian: Ecosystem, ledger: Ledger, rows: list[tuple[str, str, int]]
) -> None:
    targets: dict[str, set[str]] = defaultdict(set)
    for package, target, _ in rows:
        targets[package].add(target)
    for package in ledger.table["id"]:
        left = ecograph.reliance(debian.without([package]), CONDUCTOR, lenses=("reach",), top=100).table
        assert set(left["id"]) == closure(targets, package) - {CONDUCTOR}, package


@pytest.mark.parametrize(("conductor", "first"), [(CONDUCTOR, 54), ("kde-full", 25), ("libreoffice", 25)])
def test_captives_are_what_falls_out_of_the_closure(
    debian: Ecosystem, rows: list[tuple[str, str, int]], conductor: str, first: int
) -> None:
    """The chokepoints of a package, checked by taking each away; brokerage is never less."""
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    targets: dict[str, set[str]] = defaultdict(set)
    for package, target, _ in rows:
        targets[package].add(target)
    everyone = closure(targets, conductor=conductor)
    held = metrics.captive(debian, conductor)
    order = np.argsort(-held, kind="stable")[:first]
    assert held[order[0]] > 0.05
    for k in order:
        lost = everyone - closure(targets, debian.ids[int(k)], conductor) - {debian.ids[int(k)]}
        assert held[k] == len(lost) / (len(everyone) - 2), debian.ids[int(k)]
    for distance in (None, "inverse"):
        between = metrics.brokerage(debian, conductor, distance=distance)
        assert (held <= between + 1e-12).all()
        assert {debian.ids[int(k)] for k in between.nonzero()[0]} < everyone - {conductor}


def test_reach_of_many_packages_is_what_the_ledger_says(debian: Ecosystem, ledger: Ledger) -> None:
    chokepoints = ledger.table["id"].to_list()
    got = metrics.reach(debian, ["kde-full", CONDUCTOR, "libreoffice"], chokepoints)
    assert got[1] == pytest.approx(ledger.table["reach"].to_numpy(), abs=2e-10)
    for row, conductor in ((got[0], "kde-full"), (got[2], "libreoffice")):
        there = metrics.reliance(debian, conductor, lenses=["reach"], top=3000).table
        found = dict(there.select("id", "reach").rows())
        assert row == pytest.approx([found.get(k, 0.0) for k in chokepoints], abs=2e-10)


def test_python_is_a_single_point_of_failure(ledger: Ledger) -> None:
    first = ledger.table.row(0, named=True)
    assert (first["id"], first["direct"], first["reach"]) == ("python3", 0.5, pytest.approx(1, abs=1e-10))
    assert ledger.certificate is not None
