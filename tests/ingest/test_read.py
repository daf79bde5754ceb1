"""From rows to an ecosystem: every row is accounted for, and only its content counts."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ecograph import check_events, read_events
from ecograph.ecosystem import Ecosystem
from ecograph.errors import MappingError, MemoryLimitError, OutputError, QuarantineError, SourceError, TieTableError
from ecograph.ingest import IngestReport, setaside
from ecograph.ingest.quarantine import QUARANTINE
from ecograph.ingest.setaside import SetAside
from ecograph.mapping import Amount, Endpoint, Filter, Mapping, ParticipantTable, TieRule, Time
from tests.compare import assert_same
from tests.strategies import TYPICAL

COLUMNS = ("who", "whom", "price", "when", "through")
SERVICE = TieRule(
    Endpoint("who", role="driver"), Endpoint("whom"), "ride", unit="IDR", amount=Amount("price", decimal="."),
    via=Endpoint("through"),
)  # fmt: skip
PAYOUT = TieRule(
    Endpoint(constant="gojek"), Endpoint("who", role="driver"), "payout", unit="IDR", layer="money",
    amount=Amount("price", decimal="."), where=(Filter("whom", "==", "gojek"),),
)  # fmt: skip
RIDES = Mapping(
    (SERVICE, PAYOUT), time=Time("when", zone="Asia/Jakarta"), where=(Filter("price", "!=", "skip"),), every="1d"
)

IDS = st.sampled_from(["", "gojek", "ani", "Ani", "12", "0012"]) | st.sampled_from(TYPICAL)
PRICES = st.sampled_from(["", "x", "nan", "skip"]) | st.integers(-99, 10**6).map(lambda n: f"{n / 100:.2f}")
TIMES = st.sampled_from(["2020-01-31 23:59:59", "2020-02-01", "1970-01-01T00:00:00Z"]) | st.sampled_from(["soon", ""])
ROWS = st.lists(st.tuples(IDS, IDS, PRICES, TIMES, st.sampled_from(["", "", "gojek"])), min_size=1, max_size=25)
Row = tuple[str, str, str, str, str]


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def text(rows: list[Row], order: tuple[int, ...] = (0, 1, 2, 3, 4)) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([COLUMNS[k] for k in order])
    writer.writerows([row[k] for k in order] for row in rows)
    return out.getvalue().encode()


def judge(row: Row) -> str | list[tuple[str, str, str, str]]:
    """What the mapping says of a row: "filtered", "bad", or its tie-events (provider, receiver, relation, price)."""
    who, whom, price, when, through = row
    if price == "skip":
        return "filtered"
    if not who or not whom or price in ("", "x", "nan") or when == "soon":  # no time = undated
        return "bad"
    driver = f"driver:{who}"
    ends = [(driver, through), (through, whom)] if through else [(driver, whom)]
    ties = [(*pair, "ride", price) for pair in ends]
    return [*ties, ("gojek", driver, "payout", price)] if whom == "gojek" else ties


def check_books(rows: list[Row], eco: Ecosystem) -> None:
    verdicts = [judge(row) for row in rows]
    events = [event for verdict in verdicts if isinstance(verdict, list) for event in verdict]
    report = eco.report
    assert report.rows == len(rows) == report.good + report.filtered + report.quarantined
    assert (report.filtered, report.quarantined) == (verdicts.count("filtered"), verdicts.count("bad"))
    assert eco.ties.count is not None
    assert report.events == len(events) == int(eco.ties.count.sum())
    want: dict[tuple[str, str, str], Fraction] = {}
    for provider, receiver, relation, price in events:
        want[provider, receiver, relation] = want.get((provider, receiver, relation), Fraction(0)) + Fraction(price)
    found = Ecosystem.from_ties(eco.tie_table().select("provider", "receiver", "relation", "weight")).tie_table()
    got = {row[:3]: row[3] for row in found.select("provider", "receiver", "relation", "weight").iter_rows()}
    assert got.keys() == want.keys()
    for key, total in want.items():  # the days' sums are each rounded once
        assert got[key] == pytest.approx(float(total), rel=1e-14, abs=1e-12)


def mostly_good(rows: list[Row]) -> bool:
    verdicts = [judge(row) for row in rows]
    return 2 * verdicts.count("bad") <= len(rows) and any(isinstance(verdict, list) for verdict in verdicts)


@given(
    ROWS.filter(mostly_good), st.randoms(use_true_random=False), st.integers(0, 25), st.sampled_from([16, 61, 1 << 20])
)
def test_rows_files_columns_formats_and_blocks_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], shuffle: random.Random, cut: int, block_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    eco = read_events(frame(rows), mapping=RIDES)
    check_books(rows, eco)
    shuffle.shuffle(rows)
    order = [0, 1, 2, 3, 4]
    shuffle.shuffle(order)
    (folder / "a.csv").write_bytes(text(rows[:cut], tuple(order)))
    (folder / "b.csv").write_bytes(text(rows[cut:]))
    files: list[Any] = [str(folder / "a.csv"), folder / "b.csv"]
    shuffle.shuffle(files)
    again = read_events(files, mapping=RIDES, block_bytes=block_bytes)
    assert_same(again, eco)
    assert again.report.reasons == eco.report.reasons
    frame(rows).select(COLUMNS[k] for k in order).write_parquet(folder / "a.parquet", row_group_size=3)
    assert_same(read_events(folder / "*.parquet", mapping=RIDES), eco)
    assert_same(read_events(frame(rows).lazy(), mapping=RIDES), eco)


@given(ROWS)
@example([("a", "b", "skip", "2020-01-01", "")])
def test_every_row_is_good_filtered_or_set_aside(rows: list[Row]) -> None:
    verdicts = [judge(row) for row in rows]
    report = check_events(frame(rows), mapping=RIDES)
    assert [report.rows, report.filtered, report.quarantined] == [len(rows), *map(verdicts.count, ("filtered", "bad"))]
    assert report.quarantine.height == report.quarantined == sum(report.reasons.values())
    assert report.quarantine["line"].to_list() == [i for i, verdict in enumerate(verdicts, 1) if verdict == "bad"]
    if mostly_good(rows):
        report.check()
    elif 2 * verdicts.count("bad") > len(rows):
        with pytest.raises(QuarantineError, match="more than half"):
            read_events(frame(rows), mapping=RIDES)
    else:
        with pytest.raises(MappingError, match="gives a tie"):
            read_events(frame(rows), mapping=RIDES)


LOG = [("ani", "gojek", "1.10", "2020-01-01", ""), ("budi", "gojek", "2.20", "2020-01-02", ""),
       ("ani", "citra", "3.30", "2020-01-02", "gojek"), ("ani", "gojek", "1.10", "2020-01-01", "")]  # fmt: skip

THREADS = """
import sys
sys.path.insert(0, {root!r})
import hashlib, random
from ecograph import read_events
from ecograph.ingest.blocks import Blocks
from tests.ingest.test_read import RIDES, frame
spilled, close = set(), Blocks.close
def closing(self):
    spilled.add(self.spilled > 0)
    close(self)
Blocks.close = closing
rng = random.Random(5)
rows = [(str(rng.randrange(40)), str(rng.randrange(9)), str(rng.random()), f"2020-01-{{rng.randrange(1, 29):02}}",
         rng.choice(["", "gojek"])) for _ in range(3000)]
for memory_limit in (10**9, 90_000, 10**9):
    rng.shuffle(rows)
    eco = read_events(frame(rows), mapping=RIDES, memory_limit=memory_limit, every="1y")
    cut = read_events(frame(rows), mapping=RIDES, cluster="whom")
    print(hashlib.sha256(eco.tie_bytes() + cut.tie_bytes() + repr(eco.ids.to_list()).encode()).hexdigest())
assert spilled == {{True, False}}
"""


def test_threads_memory_and_repeats_do_not_matter() -> None:
    root = str(Path(__file__).parents[2])
    code = THREADS.format(root=root)
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root,
                         env=os.environ | {"NUMBA_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads})
        for threads in ("1", "2")
    ]  # fmt: skip
    lines = [line for process in running for line in process.communicate(timeout=120)[0].split()]
    assert [process.returncode for process in running] == [0, 0]
    assert len(lines) == 6
    assert len(set(lines)) == 1


def test_periods_follow_the_mapping_or_the_call() -> None:
    daily = read_events(frame(LOG), mapping=RIDES)
    assert len(daily.periods) == 2
    assert (daily.every, daily.zone) == ("1d", "Asia/Jakarta")
    assert daily.periods[0] == 1_577_811_600_000_000  # 2019-12-31 17:00 UTC is midnight in Jakarta
    yearly = read_events(frame(LOG), mapping=RIDES, every="1y")
    assert (len(yearly.periods), yearly.every) == (1, "1y")
    with pytest.raises(MappingError, match="every"):
        read_events(frame(LOG), mapping=RIDES, every="often")


def test_undated_events_have_a_period_of_their_own() -> None:
    log = pl.DataFrame({"provider": ["a", "a", "b"], "receiver": ["o"] * 3, "time": ["2020-05-05", None, None]})
    ends, dated = (Endpoint("provider"), Endpoint("receiver")), (Filter("time", "not null"),)
    rules = (TieRule(*ends), TieRule(ends[0], ends[1], "dated", time=Time("time"), where=dated))
    eco = read_events(log, mapping=Mapping(rules, every="1y"))
    assert eco.periods == (None, 1_577_836_800_000_000)
    assert [relation.name for relation in eco.relations] == ["dated", "tie"]
    assert eco.tie_table().filter(relation="dated").height == 1


def test_rows_that_repeat_one_are_kept_counted_or_dropped() -> None:
    found = {}
    for way in ("keep", "count", "drop"):
        mapping = Mapping((SERVICE,), duplicates=way)
        eco = read_events(frame([*LOG, LOG[0]]).with_row_index("unread"), mapping=mapping)
        found[way] = (eco.report.events, eco.report.good, eco.report.filtered, eco.report.notices)
    kept, dropped = "rows equal to an earlier one kept", "rows equal to an earlier one dropped"
    assert found == {"keep": (6, 5, 0, {}), "count": (6, 5, 0, {kept: 2}), "drop": (4, 3, 2, {dropped: 2})}


def test_rows_that_repeat_one_are_found_across_batches_and_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(text(LOG))
    eco = read_events(tmp_path / "*.csv", mapping=Mapping((SERVICE,), duplicates="drop"), block_bytes=16)
    assert (eco.report.good, eco.report.filtered) == (3, 5)
    assert_same(eco, read_events(frame(LOG), mapping=Mapping((SERVICE,), duplicates="drop")))


# Participants


def told(eco: Ecosystem, *names: str) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in eco.participants.select("id", *names).iter_rows()}


def test_a_second_table_has_the_last_word_and_may_add_participants(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": ["driver:ani", "gojek", "nobody"], "role": ["captain", None, "ghost"],
                          "region": ["Java", "", None], "capacity": [5, None, None]})  # fmt: skip
    eco = read_events(frame(LOG), mapping=RIDES, participants=table)
    assert told(eco, "role", "region", "capacity") == {
        "driver:ani": ("captain", "Java", 5.0), "driver:budi": ("driver", None, None), "gojek": (None, None, None),
        "citra": (None, None, None), "nobody": ("ghost", None, None),
    }  # fmt: skip
    assert eco.report.notices["participants without events"] == 1
    assert eco.report.participants == len(eco) == 5
    table.write_csv(tmp_path / "who.csv")
    assert_same(read_events(frame(LOG), mapping=RIDES, participants=tmp_path / "who.csv"), eco)


def test_the_mapping_may_name_the_second_table(tmp_path: Path) -> None:
    (tmp_path / "drivers.tsv").write_text("nr\tcity\nani\tDepok\n\tBogor\n")
    spec = ParticipantTable(str(tmp_path / "drivers.tsv"), Endpoint("nr", role="driver", attributes={"region": "city"}))
    eco = read_events(frame(LOG), mapping=Mapping((SERVICE,), participants=(spec,)))
    assert told(eco, "region")["driver:ani"] == ("Depok",)
    assert eco.report.notices["participant rows without an id left out"] == 1


@pytest.mark.parametrize(("table", "message"), [
    ({"name": ["a"]}, "no column 'id'"),
    ({"id": ["a"], "captial": [1]}, "(?s)'captial'.*capacity"),
    ({"id": ["gojek"], "pillar": ["clout"]}, "(?s)pillar 'clout'.*cloud"),
    ({"id": ["gojek"], "capacity": [-1.0]}, "'capacity'.*negative"),
])  # fmt: skip
def test_a_second_table_that_breaks_the_schema_is_refused(table: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(TieTableError, match=message):
        read_events(frame(LOG), mapping=RIDES, participants=pl.DataFrame(table))


def test_a_second_table_with_a_broken_row_is_refused(tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("id,role\nani,driver\nbudi\n")
    with pytest.raises(SourceError, match=r"who\.csv, line 3"):
        read_events(frame(LOG), mapping=RIDES, participants=tmp_path / "who.csv")


def test_of_two_answers_the_smallest_text_and_the_largest_number_count() -> None:
    log = pl.DataFrame({"p": ["a", "a", "a", "b"], "q": ["o"] * 4, "city": ["Solo", "Depok", None, "Bogor"],
                        "seats": ["4", "7", "many", ""]})  # fmt: skip
    rule = TieRule(Endpoint("p", attributes={"region": "city", "capacity": "seats"}), Endpoint("q"))
    for rows in (log, log.reverse()):
        eco = read_events(rows, mapping=Mapping((rule,)))
        assert told(eco, "region", "capacity") == {"a": ("Depok", 7.0), "b": ("Bogor", None), "o": (None, None)}
        assert eco.report.notices["attributes told in two ways by events"] == 2


# Rows set aside

BROKEN: list[Row] = [("", "gojek", "1", "2020-01-01", ""), ("=cmd()", "x\ny", "Rp", "2020-01-01", 'say "hi"')]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_all_rows_set_aside_are_written(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setaside, "KEPT", 3)
    path = tmp_path / f"bad{suffix}"
    rows = (LOG * 3 + BROKEN) * 3
    (tmp_path / "log.csv").write_bytes(text(rows))
    report = read_events(tmp_path / "log.csv", mapping=RIDES, quarantine=path, block_bytes=100).report
    assert (report.quarantined, report.quarantine.height) == (6, 3)
    found = pl.read_csv(path, schema=QUARANTINE) if suffix == ".csv" else pl.read_parquet(path)
    assert found.height == 6
    assert_frame_equal(found.head(3), report.quarantine)
    assert found["line"].to_list()[:2] == [14, 15]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([path.name, "log.csv"])


def test_they_are_written_also_when_there_are_too_many_or_none(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    with pytest.raises(QuarantineError):
        read_events(frame(BROKEN), mapping=RIDES, quarantine=path)
    assert pl.read_parquet(path).height == 2
    read_events(frame(LOG), mapping=RIDES, quarantine=path)
    assert pl.read_parquet(path).schema == QUARANTINE


def test_an_error_says_reasons_examples_and_the_way_out() -> None:
    with pytest.raises(QuarantineError) as caught:
        read_events(frame(BROKEN * 400), mapping=RIDES)
    said = str(caught.value)
    assert "800 of 800 rows can't be understood, more than half" in said
    assert "provider missing (400)" in said
    assert "amount is not a number (400)" in said
    assert said.count("DataFrame:") == 3
    assert "quarantine=" in said
    assert len(said) < 1500


def test_strict_allows_no_bad_row_and_half_is_not_more_than_half() -> None:
    half = frame([*LOG[:2], *BROKEN])
    assert read_events(half, mapping=RIDES).report.quarantined == 2
    for call in (read_events, check_events):
        with pytest.raises(QuarantineError, match="2 of 4 rows can't be understood, and strict"):
            call(half, mapping=RIDES, strict=True)
    assert read_events(frame(LOG), mapping=RIDES, strict=True).report.quarantined == 0


@pytest.mark.parametrize("name", ["bad.xlsx", "missing/bad.csv"])
def test_a_place_that_can_not_take_them_is_told_before_reading(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="set aside can't be written"):
        read_events(frame(LOG), mapping=RIDES, quarantine=tmp_path / name)


def test_an_interrupted_read_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(label: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    (tmp_path / "log.csv").write_bytes(text(LOG))
    with pytest.raises(KeyboardInterrupt):
        read_events(tmp_path / "log.csv", mapping=RIDES, quarantine=tmp_path / "bad.csv", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.csv"]


def test_a_file_set_aside_before_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("old")
    with SetAside(path) as bad:
        bad.add(pl.DataFrame({name: [None] for name in QUARANTINE}, schema=QUARANTINE).with_columns(reason=pl.lit("x")))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# What else there is to say


def test_no_rows_and_no_ties_are_told() -> None:
    with pytest.raises(SourceError, match="no rows"):
        read_events(frame([]), mapping=RIDES)
    with pytest.raises(MappingError, match=r"(?s)none of the 1 rows gives a tie: 1 are filtered.*where"):
        read_events(frame([("a", "b", "skip", "2020-01-01", "")]), mapping=RIDES)


def test_memory_too_small_for_the_ids_is_told() -> None:
    for call in (read_events, check_events):
        with pytest.raises(MemoryLimitError, match="memory_limit="):
            call(frame(LOG), mapping=RIDES, memory_limit=1000)


def test_the_report_is_data_and_words(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(text([*LOG, ("Ani", "gojek", "-5", "2020-01-01", ""), BROKEN[0]]))
    eco = read_events(path, mapping=RIDES)
    report = eco.report
    facts = json.loads(json.dumps(eco.provenance["ingest"]))
    assert facts == report.to_dict()
    assert facts["sources"][0]["bytes"] == path.stat().st_size
    assert len(facts["sources"][0]["sha256"]) == 64
    assert facts["notices"]["ids that differ from another only in case"] == 1
    assert facts["notices"]["ties of weight zero or below kept, outside every lens"] == 2
    assert (facts["ties"], facts["periods"]) == (len(eco.ties), len(eco.periods))
    assert Mapping.from_toml(eco.provenance["mapping"]) == RIDES
    assert eco.provenance["every"] == "1d"
    said = str(report)
    assert "6 rows = 5 good + 0 filtered + 1 set aside" in said
    assert "1  provider missing" in said
    assert str(check_events(path, mapping=RIDES)).startswith(said.split("\n")[0])


def test_a_report_that_lost_a_row_can_not_be_made() -> None:
    with pytest.raises(AssertionError, match="lost"):
        IngestReport((), rows=3, good=1, filtered=1, quarantined=0, events=1, participants=1)


def test_a_mapping_may_be_toml_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(RIDES.to_toml())
    eco = read_events(frame(LOG), mapping=RIDES)
    assert_same(read_events(frame(LOG), mapping=tmp_path / "m.toml"), eco)
    assert_same(read_events(frame(LOG), mapping=RIDES.to_toml()), eco)
    strange = tmp_path / "log.txt"
    strange.write_bytes(text(LOG))
    assert_same(read_events(strange, mapping='format = "csv"\n' + RIDES.to_toml()), eco)
    assert_same(read_events(frame(LOG), mapping='format = "frame"\n' + RIDES.to_toml()), eco)
    assert_same(read_events(frame(LOG).to_arrow(), mapping=tmp_path / "m.toml"), eco)
    named = frame(LOG).rename({"who": "provider", "whom": "receiver", "price": "amount"})
    assert read_events(named.with_columns(pl.col("amount").cast(float))).tie_table()["weight"].sort().to_list() == [
        2.2,
        2.2,
        3.3,
    ]
    with pytest.raises(MappingError, match="who"):
        read_events(frame(LOG).drop("who"), mapping=RIDES)


def test_progress_counts_bytes_over_all_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(text(LOG * 50))
    size = 2 * (tmp_path / "a.csv").stat().st_size
    ticks: list[tuple[str, float, float | None]] = []
    read_events(tmp_path / "*.csv", mapping=RIDES, progress=lambda *tick: ticks.append(tick), block_bytes=999)
    done = [tick[1] for tick in ticks]
    assert done == sorted(done)
    assert done[-1] == size
    assert {(label, total) for label, _, total in ticks} == {("reading events", float(size))}
