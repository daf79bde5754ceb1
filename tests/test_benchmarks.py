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
from benchmarks import page as pages
from benchmarks.__main__ import kept
from benchmarks.cases.pipeline import verified
from benchmarks.measure import Contestant, TooSlow, measure, once, per_event
from benchmarks.page import page
from benchmarks.targets import TARGETS, limits, verdict

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
    cases = {
        "pipeline": {"title": "A log to its top 20", "note": "Not a race."},
        "start": {"title": "Cold start", "note": ""},
    }
    return {"plan": "quick", "code": {"commit": "abc1234", "changed": False}, "machine": machine,
            "versions": {"here": {"numpy": "1"}},
            "runs": {"pipeline": {"date": "2026-01-01 00:00", "load": 3.25, "seconds": 61}},
            "cases": cases, "rows": list(rows)}  # fmt: skip


def test_the_page_says_what_the_results_say() -> None:
    text = page(results(row("ecograph", 2.0, ties=12_345), row("slow", 30.0), row("slower", 31.0)))
    lines = text.splitlines()
    assert (
        "| parquet to rooted top 20 | 1,000 | ecograph | 2 s (1 s to 4 s, 3 runs) | 2 s | 1 MiB | import 2 s | " in text
    )
    how = "Run 2026-01-01 00:00, plan quick, commit abc1234, took 61 s; load when it began 3.25 (not idle: "
    for what in ("12,345 ties", "Abacus, 2 cores, 16 GiB", how, "\nNot a race.\n"):
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


def test_a_peer_stopped_at_its_limit_counts_with_the_limit_and_we_do_not() -> None:
    over = {"failed": "> 20 s, its limit", "over": 20.0}
    slow = {name: value for name, value in row("slow", 1.0).items() if name in ("module", "case", "size", "who")} | over
    assert verdict(TARGETS[0], [row("ecograph", 2.0), slow]) == (10.0, "met")
    assert verdict(TARGETS[0], [row("ecograph", 2.0), slow, row("near", 9.0)]) == (4.5, "not met")
    assert verdict(TARGETS[0], [{**slow, "who": "ecograph"}, row("near", 9.0)]) == (None, "not run")
    assert "| slow | > 20 s | | | | stopped at its limit |" in page(results(row("ecograph", 2.0), slow))


def test_what_limits_is_told_of_each_mark_that_is_missed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = tmp_path / "limits.md"
    written.write_text(
        f"# What limits\n\n## {TARGETS[0].figure}\nThe way home.\n\n## {TARGETS[2].figure}\nThe weather.\n"
    )
    monkeypatch.setattr(pages, "LIMITS", written)
    text = page(results(row("ecograph", 2.0), row("near", 9.0)) | {"plan": "full"})
    assert f"**{TARGETS[0].figure}**: 4.5 x, and the mark is 5 x.\nThe way home.\n" in text
    assert f"**{TARGETS[1].figure}**: 1 x, and the mark is 0.5 x.\nNothing is written" in text
    assert "The weather." not in text  # that wasn't run
    assert "## What limits" not in page(results(row("ecograph", 1.0)) | {"plan": "full"})
    assert "## What limits" not in page(results(row("ecograph", 2.0), row("near", 9.0)))  # quick: too small to tell


def test_what_is_written_of_limits_is_of_marks_that_there_are() -> None:
    assert set(limits(pages.LIMITS)) <= {target.figure for target in TARGETS}


def test_parts_of_a_run_are_put_together_only_where_all_is_alike() -> None:
    before = results(row("ecograph", 1.0))
    now = {name: before[name] for name in ("plan", "code", "machine", "versions")}
    assert kept(before, now) is before
    assert not kept({}, now)
    other: list[dict[str, Any]] = [
        {"plan": "full"},
        {"code": {"commit": "fff0000", "changed": False}},
        {"machine": now["machine"] | {"cores": 64}},
        {"versions": {"here": {"numpy": "2"}}},
    ]
    for each in other:
        assert not kept(before, now | each)
    for loose in (
        {"commit": "abc1234", "changed": True},
        {"commit": None, "changed": False},
    ):  # alike and yet not known
        assert not kept(before | {"code": loose}, now | {"code": loose})


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
    with pytest.raises(TooSlow, match="limit"):
        once(Contestant("slow", [sys.executable, "-S", "-c", "import time; time.sleep(60)"]), 0.1)


def test_who_took_long_is_not_run_again_and_who_hit_the_limit_says_so() -> None:
    short = "from benchmarks.step import Step\ns = Step()\nwith s.phase('run'): pass\ns.done()"
    nap = f"import time; time.sleep(0.3)\n{short}"
    codes = {"quick": short, "long": nap, "stuck": "import time; time.sleep(60)"}
    rivals = [Contestant(who, [sys.executable, "-S", "-c", code]) for who, code in codes.items()]
    found = {each["who"]: each for each in measure(rivals, 3, limit=2.0, budget=0.29)}
    assert found["long"]["wall"]["runs"] == 1
    assert found["quick"]["wall"]["runs"] > 1
    assert (found["stuck"]["failed"], found["stuck"]["over"]) == ("> 2 s, its limit", 2.0)


def test_what_an_event_costs() -> None:
    costs = per_event(row("ecograph", 2.0, ties=900), 1_000)["facts"]
    assert costs == {"ties": 900, "events_a_second": 500.0, "bytes_an_event": 2**20 / 1_000, "ties_an_event": 0.9}
    assert per_event({"who": "x", "failed": "no"}, 10) == {"who": "x", "failed": "no"}


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
