"""Sums of events: exact and rounded once, the same bytes whatever the order, batches and memory."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecograph.cpu.exact import deposit_float, digits_needed, exponent_range, quotient, round_digits, sum_runs
from ecograph.errors import MappingError, MemoryLimitError, OutputError
from ecograph.ingest.encode import Encoder
from ecograph.ingest.memory import default_limit
from ecograph.ingest.periods import Periods
from ecograph.ingest.reduce import Reducer
from ecograph.ingest.scratch import Scratch
from ecograph.ties import NO_TIME, Ties

WILD = st.floats(allow_nan=False, allow_infinity=False)
DAY = 86_400_000_000


def rounded(exact: Fraction) -> float:
    """The nearest float64; beyond the largest, infinite."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@given(st.integers(0, 2**127 - 1), st.integers(0, 18))
@example(2**53 + 1, 0)
@example(3 * 2**53 + 3, 0)
@example(5 * 10**17, 18)
@example((2**54 + 2) * 10**18 + 1, 18)
def test_a_decimal_is_rounded_once(whole: int, places: int) -> None:
    with np.errstate(over="ignore"):
        got = quotient(np.uint64(whole >> 64), np.uint64(whole % 2**64), places)
    assert got == float(Fraction(whole, 10**places))


@given(st.lists(st.lists(WILD, max_size=12), max_size=5), st.randoms(use_true_random=False))
@example([[1e308, 1e308, -1e308], [5e-324, -5e-324, 5e-324], [1.0, 2.0**-53, 2.0**-106], []], random.Random(1))
@example([[1.7976931348623157e308, 1e292]], random.Random(1))
def test_a_sum_of_floats_is_exact_then_rounded(runs: list[list[float]], shuffle: random.Random) -> None:
    want = [rounded(sum(map(Fraction, run), Fraction(0))) for run in runs]
    for run in runs:
        shuffle.shuffle(run)
    starts = np.cumsum([0, *map(len, runs)]).astype(np.int64)
    with np.errstate(over="ignore"):
        assert sum_runs(np.array([value for run in runs for value in run], float), starts).tolist() == want


@given(st.lists(WILD, max_size=8))
@example([1e-170, 3e-165])  # the sum of squares is subnormal
@example([2.2e-162])
@example([1e200])
def test_a_sum_of_squares_is_exact_then_rounded(values: list[float]) -> None:
    low, high = exponent_range(np.array(values, float)) or (0, 0)
    unit, width = low - 53, digits_needed(2 * (low - 53), 2 * high)
    digits = np.zeros(width, np.int64)
    with np.errstate(over="ignore"):
        for value in values:
            deposit_float(digits, 0, width, unit, value, True)
        got = round_digits(digits, 0, width, 2 * unit)
    assert got == rounded(sum((Fraction(value) ** 2 for value in values), Fraction(0)))


class Event(NamedTuple):
    provider: str
    receiver: str
    relation: int
    mantissa: int
    scale: int
    time: int

    @property
    def exact(self) -> Fraction:
        return Fraction(self.nearest) if self.scale < 0 else Fraction(self.mantissa, 10**self.scale)

    @property
    def nearest(self) -> float:
        if self.scale < 0:
            return float(np.array(self.mantissa).view(np.float64))
        return float(Fraction(self.mantissa, 10**self.scale))


def bits(value: float) -> tuple[int, int]:
    return int(np.array(value).view(np.int64)), -1


CENTS = st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 2))
LARGE = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 9))
EDGES = st.tuples(st.sampled_from([2**62 - 1, 2**62, 2**63 - 1, -(2**63), 10**18, 1, 0]), st.sampled_from([0, 1, 9]))
MIXED = CENTS | LARGE | WILD.map(bits)


def event_lists(amount: st.SearchStrategy[tuple[int, int]]) -> st.SearchStrategy[list[Event]]:
    time = st.sampled_from([NO_TIME, -1, 0, 5, DAY, 3 * DAY - 1])
    one = st.builds(
        lambda p, r, k, a, t: Event(p, r, k, a[0], a[1], t),
        st.sampled_from(["a", "b", "c"]), st.sampled_from(["o", "a"]), st.integers(0, 1), amount, time,
    )  # fmt: skip
    return st.lists(one, max_size=25)


class Result(NamedTuple):
    ids: list[str]
    ties: Ties
    periods: tuple[int | None, ...]
    spilled: int

    @property
    def bytes(self) -> list[bytes]:
        return [values.tobytes() for values in self.ties.columns.values()]


def reduce(events: list[Event], batch: int = 10**6, memory_limit: int = 10**9, every: str | None = "1d") -> Result:
    encoder = Encoder()
    with Reducer(encoder, every=every, zone="UTC", memory_limit=memory_limit) as reducer:
        for row in range(0, len(events), batch):
            part = events[row : row + batch]
            provider, receiver = (encoder.encode(pl.Series([e[k] for e in part])) for k in (0, 1))
            numbers = [
                np.array([e[k] for e in part], t) for k, t in enumerate((np.int16, np.int64, np.int8, np.int64), 2)
            ]
            reducer.add(provider, receiver, *numbers)
        ids, rank = encoder.finish()
        ties, periods = reducer.finish(rank, np.array([0, 1], np.int16))
        return Result(ids.to_list(), ties, periods, reducer.spilled)


def rational(events: list[Event], result: Result) -> None:
    """Every tie against exact sums over a dictionary; wide relations read each amount as the nearest float64."""
    want: dict[tuple[object, ...], list[Event]] = {}
    for e in events:
        period = None if e.time == NO_TIME else e.time // DAY * DAY
        want.setdefault((e.receiver, e.provider, e.relation, period), []).append(e)
    ties = result.ties
    assert ties.weight_sq is not None
    assert ties.count is not None
    assert ties.first is not None
    assert ties.last is not None
    assert len(ties) == len(want)
    assert int(ties.count.sum()) == len(events)
    for t in range(len(ties)):
        period = result.periods[ties.period[t]]
        ends = result.ids[ties.receiver[t]], result.ids[ties.provider[t]]
        found = want[(*ends, int(ties.relation[t]), period)]
        same = [e for e in events if e.relation == ties.relation[t]]
        wide, wide_sq = narrow_enough(same)
        amounts = [Fraction(e.nearest) if wide else e.exact for e in found]
        squares = [Fraction(e.nearest) ** 2 if wide_sq else e.exact**2 for e in found]
        assert ties.weight[t] == rounded(sum(amounts, Fraction(0)))
        assert ties.weight_sq[t] == rounded(sum(squares, Fraction(0)))
        times = [e.time for e in found if e.time != NO_TIME]
        assert (ties.count[t], ties.first[t], ties.last[t]) == (
            len(found), min(times, default=NO_TIME), max(times, default=NO_TIME),
        )  # fmt: skip


def narrow_enough(events: list[Event]) -> tuple[bool, bool]:
    """Whether weights and squares of a relation are wide: docs/data/exactness.md."""
    if any(e.scale < 0 for e in events):
        return any(e.nearest for e in events if e.scale < 0), any(e.nearest for e in events if e.scale < 0)
    places = max((e.scale for e in events if e.mantissa), default=0)
    most = max((abs(e.mantissa) * 10 ** (places - e.scale) for e in events if e.mantissa), default=0)
    return most >= 2**62, most >= 2**63 or most**2 * len(events) >= 2**126


@pytest.mark.parametrize("amount", [CENTS, LARGE, EDGES, MIXED], ids=["cents", "large", "edges", "mixed"])
def test_ties_are_exact_and_the_same_bytes_for_any_order(amount: st.SearchStrategy[tuple[int, int]]) -> None:
    @given(event_lists(amount), st.randoms(use_true_random=False), st.integers(1, 7))
    def check(events: list[Event], shuffle: random.Random, batch: int) -> None:
        first = reduce(events)
        rational(events, first)
        shuffle.shuffle(events)
        again = reduce(events, batch)
        assert (again.ids, again.periods) == (first.ids, first.periods)
        assert again.bytes == first.bytes

    check()


def many(n: int) -> list[Event]:
    rng = random.Random(7)
    names = [f"p{i}" for i in range(9)]
    days = range(0, 9 * DAY, DAY)
    return [
        Event(rng.choice(names), rng.choice(names), i % 2, rng.randrange(-99, 999), rng.randrange(3), rng.choice(days))
        for i in range(n)
    ]


SMALL = 42_500  # less than ids and 4,000 events take, more than ids and their ties


def test_events_beyond_the_memory_go_through_the_disk_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    events = many(4000)
    kept, spilled = reduce(events, 100, every=None), reduce(events[::-1], 300, SMALL, every=None)
    assert kept.spilled == 0
    assert spilled.spilled > 3000
    assert kept.bytes == spilled.bytes
    assert list(tmp_path.iterdir()) == []


def test_blocks_may_be_cut_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reduce(many(700)).bytes
    monkeypatch.setattr("ecograph.ingest.blocks._ROWS", 64)
    assert reduce(many(700), 100).bytes == whole


@pytest.mark.parametrize("full", [False, True], ids=["room on the disk", "none"])
def test_where_events_and_ties_lie_does_not_matter(monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    def no_room(**_: object) -> None:
        raise OSError(28, "No space left on device")

    whole = reduce(many(700)).bytes
    monkeypatch.setattr("ecograph.ingest.blocks._ROWS", 64)
    monkeypatch.setattr("ecograph.ingest.blocks._HELD", 0)
    monkeypatch.setattr("ecograph.ingest.table._SMALL", 0)
    if full:
        monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    elsewhere = reduce(many(700), 100)
    assert (elsewhere.spilled > 0) == (not full)
    assert elsewhere.bytes == whole
    monkeypatch.setattr("ecograph.ingest.table._LARGE", 0)
    assert reduce(many(700), 100).bytes == whole
    elsewhere.ties.let_go()
    assert elsewhere.bytes == whole
    assert not elsewhere.ties.provider.flags.writeable


def resident(name: str) -> int:
    """Kilobytes of files of this name that this process has in memory."""
    held, mine = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:  # the head of a mapping
            mine = name in line
        elif mine and line.startswith("Rss:"):
            held += int(line.split()[1])
    return held


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what a process holds of a file")
def test_ties_in_a_file_are_let_go_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ecograph.ingest.table._SMALL", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ties = reduce(many(4_000)).ties
    assert ties.count is not None
    total = ties.weight.sum(), ties.count.sum()
    assert resident(str(tmp_path)) > 0
    ties.let_go()
    assert resident(str(tmp_path)) == 0
    assert (ties.weight.sum(), ties.count.sum()) == total


def test_the_file_of_ties_is_given_back_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def kept(**given: Any) -> Any:
        made.append(open_file(**given))
        return made[-1]

    open_file = tempfile.TemporaryFile
    monkeypatch.setattr("ecograph.ingest.table._SMALL", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", kept)
    ring = [Event(f"p{i}", f"p{(i + 1) % 100}", 0, 1, 0, 0) for i in range(100)]
    with pytest.raises(MemoryLimitError, match=r"ties take"):
        reduce(ring, memory_limit=36_000)  # 100 ids take some 33,000, a tie 54: amid the buckets
    assert made
    assert all(file.closed for file in made)


def test_a_disk_that_fills_up_loses_no_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, writes, write = reduce(many(700)).bytes, [], Scratch.write

    def filling(self: Scratch, place: int, values: Any) -> None:
        writes.append(place)
        if len(writes) > 13:  # amid the columns of the second bucket
            raise OSError(28, "No space left on device")
        write(self, place, values)

    monkeypatch.setattr("ecograph.ingest.table._SMALL", 0)
    monkeypatch.setattr(Scratch, "write", filling)
    assert reduce(many(700)).bytes == whole
    assert len(writes) == 14


@pytest.mark.parametrize(
    "size", [2**32 - 1, 2**32, 2**40 + 1, 3 * 2**59], ids=["2**32 - 1", "2**32", "2**40 + 1", "3 * 2**59"]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_carry_from_word_to_word(size: int, sign: int) -> None:
    """Two squares of 2**32 - 1, or seven amounts of 3 * 2**59, need a second word."""
    events = [Event("p", "o", 0, sign * size, 0, 0)] * 7 + [Event("p", "o", 0, -sign * (size - 1), 0, 0)] * 2
    rational(events, reduce(events))


@pytest.mark.parametrize("amount", [CENTS, LARGE], ids=["cents", "large"])
def test_ties_made_at_once_are_those_merged_of_parts(amount: st.SearchStrategy[tuple[int, int]]) -> None:
    @given(event_lists(amount), st.sampled_from([None, "1d"]), st.booleans())
    def check(events: list[Event], every: str | None, one: bool) -> None:
        events = [e._replace(relation=0) for e in events] if one else events
        at_once = reduce(events, every=every).bytes
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ecograph.ingest.reduce.tallied", lambda *_: None)
            patch.setattr("ecograph.ingest.reduce._PART", 2)
            assert reduce(events, 7, every=every).bytes == at_once

    check()


def test_blocks_of_one_kind_and_of_many_are_summed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [Event("p0", "p1", 1, 5, 0, DAY)] * 64 + many(200) + [Event("p0", "p1", 0, 7, 2, NO_TIME)] * 64
    whole = reduce(events, every=None)
    monkeypatch.setattr("ecograph.ingest.blocks._ROWS", 64)
    assert reduce(events, 64, every=None).bytes == whole.bytes


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match=r"(?s)No space left.*TMPDIR"):
        reduce(many(4000), 100, SMALL)


def test_ids_or_ties_beyond_the_memory_are_an_error_with_the_size_needed() -> None:
    with pytest.raises(MemoryLimitError, match=r"the ids of .* participants take"):
        reduce(many(10), memory_limit=1000)
    ties = [Event(f"p{i}", "o", 0, 1, 0, 0) for i in range(100)]
    room = 38_000  # 100 ids take some 33,000
    with pytest.raises(MemoryLimitError, match=r"(?s)100 ties take.*memory_limit="):
        reduce(ties, memory_limit=room)


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.ingest import test_reduce as t
from ecograph.ingest.encode import Encoder
finish = Encoder.finish
def stop(self):
    assert reducer_file_is_open(), "nothing was spilled"
    os.kill(os.getpid(), signal.{signal})
    return finish(self)
def reducer_file_is_open():
    return any("ecograph-" in os.readlink(f"/proc/self/fd/{{fd}}") or "deleted" in os.readlink(f"/proc/self/fd/{{fd}}")
               or "#" in os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd")
               if os.path.lexists(f"/proc/self/fd/{{fd}}"))
Encoder.finish = stop
t.reduce(t.many(4000), 100, t.SMALL)
"""


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_killed_run_leaves_nothing_behind(tmp_path: Path, how: str) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(root=root, signal=how)],
        env=os.environ | {"TMPDIR": str(tmp_path)}, cwd=root, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == -getattr(signal, how), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "America/New_York"])
@given(st.lists(st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), max_size=10), st.integers(0, 10))
def test_periods_begin_at_local_midnight(zone: str, times: list[datetime | None], cut: int) -> None:
    moments = [None if t is None else t.replace(tzinfo=UTC) for t in times]
    stamps = np.array([NO_TIME if t is None else micros(t) for t in moments], np.int64)
    periods = Periods("1mo", zone)
    code = np.concatenate([periods.code(stamps[:cut]), periods.code(stamps[cut:])])
    starts, rank = periods.finish()
    assert list(starts) == sorted(starts, key=lambda s: (s is not None, s or 0))
    for moment, row in zip(moments, rank[code] if code.size else [], strict=True):
        local = moment and moment.astimezone(ZoneInfo(zone))
        month = local and local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        assert starts[row] == (month and micros(month))


def micros(moment: datetime) -> int:
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY + since.seconds * 10**6 + since.microseconds


@pytest.mark.parametrize(("every", "zone"), [("1x", "UTC"), ("-1d", "UTC"), ("1d", "Nowhere")])
def test_periods_that_do_not_exist_are_told(every: str, zone: str) -> None:
    with pytest.raises(MappingError, match=r"(?s)periods of .* can't be made.*every="):
        Periods(every, zone)


def test_all_time_is_one_period_by_default() -> None:
    periods = Periods(None)
    assert periods.code(np.array([NO_TIME, 5])).tolist() == [0, 0]
    assert periods.finish()[0] == (None,)


def test_half_of_the_available_memory_is_the_limit(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert default_limit(tmp_path / "meminfo") == 2000 * 1024
    (tmp_path / "odd").write_text("MemTotal: 9000 kB\n")
    assert default_limit(tmp_path / "odd") == default_limit(tmp_path / "none") > 0


def test_a_zero_beside_huge_floats_is_zero() -> None:
    huge, zero = 1e170, 0.0
    events = [
        Event("a", "o", 0, int(np.float64(huge).view(np.int64)), -1, NO_TIME),
        Event("b", "o", 0, int(np.float64(zero).view(np.int64)), -1, NO_TIME),
    ]
    result = reduce(events)
    weights = dict(zip(np.array(result.ids)[result.ties.provider], result.ties.weight, strict=True))
    assert weights == {"a": huge, "b": 0.0}
    assert result.ties.weight_sq is not None
    assert sorted(result.ties.weight_sq) == [0.0, np.inf]
