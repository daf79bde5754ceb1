"""The log that benchmarks read is what it promises to be, and the page says what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks import events, graphs, plan
from benchmarks.cases.pipeline import verified
from benchmarks.measure import Contestant, Failure, measure, once
from benchmarks.page import page
from benchmarks.targets import TARGETS, verdict

ROWS = 20_000


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return pl.concat(events.blocks(ROWS))


def test_the_same_log_each_time_and_another_for_another_seed(log: pl.DataFrame) -> None:
    assert_frame_equal(log, pl.concat(events.blocks(ROWS)))
    assert not log.equals(pl.concat(events.blocks(ROWS, seed=2)))


def test_the_log_is_written_alike_in_both_formats(log: pl.DataFrame, tmp_path: Path) -> None:
    whole = pl.read_parquet(events.write(tmp_path / "log.parquet", ROWS))
    assert_frame_equal(whole, log)
    text = pl.read_csv(events.write(tmp_path / "log.csv", ROWS), try_parse_dates=True)
    assert_frame_equal(text, log, check_dtypes=False)


def test_blocks_are_bounded_and_make_up_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BLOCK", 700)
    sizes = [block.height for block in events.blocks(2_000)]
    assert sizes == [700, 700, 600]


def test_flows_have_their_shares(log: pl.DataFrame) -> None:
    kind = pl.col("provider").str.split("-").list.first(), pl.col("receiver").str.split("-").list.first()
    found = {(p, r): n / ROWS for p, r, n in log.group_by(p=kind[0], r=kind[1]).len().rows()}
    for provider, receiver, share in events.FLOWS:  # five standard deviations of a share of ROWS draws
        assert abs(found.pop((provider, receiver)) - share) < 5 * np.sqrt(share / ROWS)
    assert not found
    assert abs(sum(events.KINDS.values()) - 1) < 1e-12


def test_one_participant_in_ten_events_and_few_are_popular(log: pl.DataFrame) -> None:
    ids = pl.concat([log["provider"], log["receiver"]])
    assert 0.095 < ids.n_unique() / ROWS <= 0.101
    drivers = ids.filter(ids.str.starts_with("driver-")).value_counts()["count"].sort(descending=True)
    assert 0.035 < int(drivers.head(drivers.len() // 100).sum()) / int(drivers.sum()) < 0.06  # 0.01^(1 / 1.5) = 0.046


@pytest.mark.parametrize("shape", graphs.SHAPES)
def test_graphs_are_seeded(shape: str) -> None:
    row, column = graphs.SHAPES[shape](1_000, 5_000, 1)
    again, _ = graphs.SHAPES[shape](1_000, 5_000, 1)
    np.testing.assert_array_equal(row, again)
    assert row.size == column.size == 5_000
    assert 0 <= min(row.min(), column.min()) <= max(row.max(), column.max()) < 1_000
    most = np.bincount(column).max()
    assert {"uniform": most < 25, "one hub": most >= 2_500, "R-MAT": 25 < most < 1_000}[shape]


def test_power_law_has_its_mean_and_its_cap() -> None:
    row, column = graphs.power_law(5_000, 8.0, 2.3, 128)
    degree = np.bincount(row, minlength=5_000)
    assert 6.5 < degree.mean() < 8.5
    assert 60 < degree.max() <= 128
    assert (row != column).all()


def row(who: str, wall: float, case: str = "parquet to rooted top 20", **facts: Any) -> dict[str, Any]:
    one = {"median": wall, "low": wall / 2, "high": wall * 2, "runs": 3}
    peak = {"median": 2.0**20, "low": 2.0**20, "high": 2.0**20, "runs": 3}
    return {"module": "pipeline", "case": case, "size": 1_000, "who": who, "wall": one, "cpu": one, "peak": peak,
            "apart": {"import": one}, "facts": facts}  # fmt: skip


def results(*rows: dict[str, Any]) -> dict[str, Any]:
    machine = {"cpu": "Abacus", "cores": 2, "memory": 2**34, "system": "Linux 6"}
    cases = {"pipeline": "A log to its top 20", "start": "Cold start"}
    return {"plan": "quick", "begun": "2026-01-01 00:00", "machine": machine, "versions": {"here": {"numpy": "1"}},
            "load": {"pipeline": 3.25}, "cases": cases, "rows": list(rows)}  # fmt: skip


def test_the_page_says_what_the_results_say() -> None:
    text = page(results(row("ecograph", 2.0, ties=12_345), row("slow", 30.0), row("slower", 31.0)))
    lines = text.splitlines()
    assert (
        "| parquet to rooted top 20 | 1,000 | ecograph | 2 s (1 s to 4 s, 3 runs) | 2 s | 1 MiB | import 2 s | " in text
    )
    for what in ("12,345 ties", "Abacus, 2 cores, 16 GiB", "at most 3.2 processes"):
        assert what in text
    assert any(line.startswith("| Parquet to rooted top 20") and line.endswith("| 15 x | met |") for line in lines)
    assert text.count("| not run |") == len(TARGETS) - 2
    assert lines[lines.index("## Cold start") + 1] == "Not run."


def test_a_mark_is_missed_where_the_fastest_peer_is_near() -> None:
    rows = [row("ecograph", 2.0), row("slow", 30.0), row("near", 9.0), {**row("wrong", 1.0), "failed": "wrong"}]
    del rows[-1]["wall"]
    value, said = verdict(TARGETS[0], rows)
    assert (value, said) == (4.5, "not met")
    assert "| wrong |" in page(results(*rows))


def test_results_that_differ_get_no_time() -> None:
    best = [["a", 0.5], ["b", 0.25]]
    own = row("ecograph", 1.0, residual=1e-11, ties=3, best=[["a", 0.4], ["b", 0.2]])  # the same up to scale
    assert verified(row("peer", 1.0, residual=1e-7, ties=3, best=best), own)["wall"]["median"] == 1.0
    wrong: list[dict[str, Any]] = [
        {"residual": 1e-3, "ties": 3, "best": best},
        {"residual": 1e-7, "ties": 2, "best": best},
        {"residual": 1e-7, "ties": 3, "best": [["a", 0.5], ["b", 0.26]]},
        {"residual": 1e-7, "ties": 3, "best": [["a", 0.5], ["c", 0.25]]},
    ]
    for facts in wrong:
        assert "wall" not in verified(row("peer", 1.0, **facts), own)


def test_a_step_is_timed_in_turn_and_a_failing_one_says_why() -> None:
    busy = "x = bytearray(50_000_000)\nfrom benchmarks.step import Step\ns = Step()\n"
    busy += "with s.phase('run'): sum(range(2_000_000))\ns.done(answer=42)"
    calls: list[int] = []
    good = Contestant("good", [sys.executable, "-S", "-c", busy], before=lambda: calls.append(1))
    bad = Contestant("bad", [sys.executable, "-S", "-c", "raise SystemExit('no such luck')"])
    found, failed = measure([good, bad], 2)
    assert found["facts"] == {"answer": 42}
    assert found["peak"]["median"] > 50_000_000
    assert 0 < found["wall"]["low"] <= found["wall"]["median"] <= found["wall"]["high"]
    assert found["wall"]["runs"] == len(calls) == 2
    assert "no such luck" in failed["failed"]
    with pytest.raises(Failure, match="limit"):
        once(Contestant("slow", [sys.executable, "-S", "-c", "import time; time.sleep(60)"]), 0.1)


def test_the_smallest_benchmark_runs_from_log_to_page(tmp_path: Path) -> None:
    root = Path(events.__file__).parents[1]
    written = {"results": tmp_path / "results.json", "page": tmp_path / "page.md"}
    command = [sys.executable, "-m", "benchmarks", "--plan", "tiny", "--only", "reduction", "--folder", str(tmp_path)]
    command += [f"--{name}={path}" for name, path in written.items()]
    env = {**os.environ, "PYTHONPATH": str(root), "ECOGRAPH_PEERS": str(tmp_path / "none"), "NUMBA_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=env, cwd=root)
    found = json.loads(written["results"].read_text())
    (one,) = found["rows"]
    assert one["facts"]["rows"] == one["size"] == plan.TINY.rows
    assert written["page"].read_text() == page(found)
