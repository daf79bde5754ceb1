"""A set of output files is whole, or the old whole one, or absent: whatever kills the run, at whatever moment."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecograph import output, seal, swap
from ecograph.errors import OutputError
from ecograph.output import PROVENANCE, output_folder, read_output, write_text

# Writes sets "1", "2", ... over each other for ever; the files of a set all hold its number.
WRITER = """
import sys
from ecograph import swap
from ecograph.output import output_folder
if sys.argv[2] == "two renames":
    swap._rename = lambda *arguments: False
print("ready", flush=True)
for number in range(1, 1_000_000):
    with output_folder(sys.argv[1], overwrite=True, provenance={"number": number}) as folder:
        for name in "abc":
            (folder / name).write_text(str(number) * 1000)
"""


def write_set(target: Path, number: int = 0, *, overwrite: bool = False) -> None:
    with output_folder(target, overwrite, provenance={"number": number}) as folder:
        for name in "abc":
            (folder / name).write_text(str(number) * 1000)


def check_whole(target: Path) -> None:
    number = read_output(target)["number"]
    assert {(target / name).read_text() for name in "abc"} == {str(number) * 1000}


def start_writer(target: Path, way: str = "exchange") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), way], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(timeout=10)
    finally:
        process.kill()
        process.communicate()


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def no_exchange(*_arguments: object) -> bool:
    return False


# -- what a good run leaves ---------------------------------------------------------------------------------


def test_a_set_arrives_whole_and_provenance_names_every_file(tmp_path: Path) -> None:
    with output_folder(tmp_path / "deep" / "out", provenance={"seed": 3}) as folder:
        (folder / "table.csv").write_bytes(b"id\n1\n")
        (folder / "figures").mkdir()
        (folder / "figures" / "a.svg").write_bytes(b"<svg/>")
        assert not (tmp_path / "deep" / "out").exists()
    found = read_output(tmp_path / "deep" / "out")
    assert found["seed"] == 3
    assert found["files"] == {
        "figures/a.svg": {"sha256": "d4dc56669143034f31aa309635d4113d9ad76a02b1739da22c965ed2049be9e6", "bytes": 6},
        "table.csv": {"sha256": "7cde7fb64fd82bd152710cf238e017b9ab46c0592483edc067ba4f6c75fac108", "bytes": 5},
    }
    assert hidden(tmp_path / "deep") == []


def test_provenance_is_read_at_the_end_and_written_last(tmp_path: Path) -> None:
    facts: dict[str, object] = {}
    with output_folder(tmp_path / "out", provenance=facts) as folder:
        (folder / "a").write_text("1")
        facts["rows"] = 7
        assert not (folder / PROVENANCE).exists()
    assert read_output(tmp_path / "out")["rows"] == 7


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with output_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("1")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_set(tmp_path: Path) -> None:
    write_set(tmp_path / "out", 1)

    def fail() -> None:
        with output_folder(tmp_path / "out", overwrite=True) as folder:
            (folder / "a").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    check_whole(tmp_path / "out")
    assert hidden(tmp_path) == []


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    write_set(tmp_path / "real", 1)
    (tmp_path / "link").symlink_to("real")
    write_set(tmp_path / "link", 2, overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert read_output(tmp_path / "real")["number"] == 2


# -- what it refuses to replace -----------------------------------------------------------------------------


def test_an_existing_set_needs_overwrite(tmp_path: Path) -> None:
    write_set(tmp_path / "out", 1)
    with pytest.raises(OutputError, match="--overwrite"):
        write_set(tmp_path / "out", 2)
    assert read_output(tmp_path / "out")["number"] == 1
    write_set(tmp_path / "out", 3, overwrite=True)
    assert read_output(tmp_path / "out")["number"] == 3
    assert hidden(tmp_path) == []


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_set(tmp_path / "out", 1)
    check_whole(tmp_path / "out")


@pytest.mark.parametrize("beside_a_set", [False, True])
def test_overwrite_never_removes_files_of_others(tmp_path: Path, beside_a_set: bool) -> None:
    if beside_a_set:
        write_set(tmp_path / "home", 1)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "thesis\x1b[2J.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\\x1b\[2J\.tex"):
        write_set(tmp_path / "home", 2, overwrite=True)
    assert (tmp_path / "home" / "thesis\x1b[2J.tex").read_text() == "years of work"


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        write_set(tmp_path / "out", overwrite=True)


def test_another_run_that_finished_first_is_not_overwritten(tmp_path: Path) -> None:
    def race() -> None:
        with output_folder(tmp_path / "out"):
            write_set(tmp_path / "out", 1)

    with pytest.raises(OutputError, match="can't write"):
        race()
    check_whole(tmp_path / "out")
    assert hidden(tmp_path) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_set(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# -- what a reader refuses ----------------------------------------------------------------------------------

DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte changed": (lambda p: (p / "a").write_text("1" * 999 + "2"), "a isn't the file that was written"),
    "cut short": (lambda p: (p / "b").write_text("1"), "b isn't the file that was written"),
    "a file gone": (lambda p: (p / "c").unlink(), "c is missing"),
    "a file more": (lambda p: (p / "d").write_text(""), "d isn't part of it"),
    "no provenance": (lambda p: (p / PROVENANCE).unlink(), "is missing"),
    "provenance cut": (lambda p: (p / PROVENANCE).write_bytes((p / PROVENANCE).read_bytes()[:40]), "can't be read"),
    "not ours": (lambda p: (p / PROVENANCE).write_text("[1]"), "isn't 'ecograph output 1'"),
    "a parameter edited": (lambda p: edit(p / PROVENANCE, '"number": 1', '"number": 2'), "was altered"),
    "a hash edited": (lambda p: edit(p / PROVENANCE, '"sha256": "', '"sha256": "0'), "was altered"),
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_set_is_refused(tmp_path: Path, damage: str) -> None:
    act, message = DAMAGES[damage]
    write_set(tmp_path / "out", 1)
    check_whole(tmp_path / "out")
    act(tmp_path / "out")
    with pytest.raises(OutputError, match=message):
        read_output(tmp_path / "out")


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"provenance\.json is missing"):
        read_output(tmp_path / "out")


def test_values_that_json_has_no_word_for_are_refused_before_anything_moves(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"), output_folder(tmp_path / "out", provenance={"x": float("nan")}):
        pass
    assert list(tmp_path.iterdir()) == []


# -- killed at any moment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_first_run_killed_at_random_moments_leaves_a_whole_set_or_none(tmp_path: Path, how: signal.Signals) -> None:
    draw = random.Random(20201124)
    for number in range(10):
        target = tmp_path / f"out{number}"
        process = start_writer(target)
        time.sleep(draw.uniform(0, 0.004))
        stop(process, how)
        if target.exists():
            check_whole(target)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_killed_while_it_replaces_leaves_the_old_set_or_the_new(tmp_path: Path, how: signal.Signals) -> None:
    draw = random.Random(20201124)
    target = tmp_path / "out"
    write_set(target)
    for _ in range(10):
        process = start_writer(target)
        time.sleep(draw.uniform(0, 0.05))
        stop(process, how)
        check_whole(target)
    write_set(target, overwrite=True)
    assert hidden(tmp_path) == [], "the next run sweeps up after dead ones"


def test_without_exchange_a_kill_between_the_renames_is_mended_by_the_next_run(tmp_path: Path) -> None:
    draw = random.Random(7)
    target = tmp_path / "out"
    write_set(target, 1)
    for _ in range(8):
        process = start_writer(target, "two renames")
        time.sleep(draw.uniform(0, 0.05))
        stop(process, signal.SIGKILL)
        output._sweep(target)
        check_whole(target)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("moment", range(1, 7))
def test_two_renames_leave_old_or_new_after_each_step(tmp_path: Path, moment: int) -> None:
    """Die by SIGKILL right after the n-th rename or removal of a run that has no exchange."""
    script = """
import os, shutil, signal, sys
from ecograph import swap
from ecograph.output import output_folder
left = int(sys.argv[2])
def fatal(call):
    def wrapped(*arguments, **options):
        global left
        call(*arguments, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return wrapped
swap._rename = lambda *arguments: False
os.rename, shutil.rmtree, os.fsync = fatal(os.rename), fatal(shutil.rmtree), os.fsync
with output_folder(sys.argv[1], overwrite=True, provenance={"number": 2}) as folder:
    for name in "abc":
        (folder / name).write_text("2" * 1000)
"""
    target = tmp_path / "out"
    write_set(target, 1)
    died = subprocess.run([sys.executable, "-c", script, str(target), str(moment)], stderr=subprocess.DEVNULL)
    assert (died.returncode == -signal.SIGKILL) == (moment <= 4)  # 2 renames, the old set, the hidden name
    output._sweep(target)
    check_whole(target)
    assert read_output(target)["number"] == (1 if moment == 1 else 2)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("fallback", [False, True])
def test_a_failing_swap_keeps_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fallback: bool) -> None:
    write_set(tmp_path / "out", 1)
    rename, calls = os.rename, 0

    def second_fails(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    def fails(*_arguments: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(swap, "_rename", no_exchange if fallback else fails)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OutputError, match="Input/output error"):
        write_set(tmp_path / "out", 2, overwrite=True)
    assert read_output(tmp_path / "out")["number"] == 1
    assert hidden(tmp_path) == []


def test_a_second_ctrl_c_does_not_stop_the_clean_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rmtree = shutil.rmtree

    def interrupted(path: Path, *, ignore_errors: bool) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        rmtree(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", interrupted)

    def stopped() -> None:
        with output_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_ctrl_c_during_the_swap_lets_it_finish_and_then_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = swap._rename

    def interrupted(source: Path, target: Path, flag: int) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return rename(source, target, flag)

    monkeypatch.setattr(swap, "_rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_set(tmp_path / "out", 1)
    check_whole(tmp_path / "out")
    assert hidden(tmp_path) == []


def test_a_thread_may_write_too(tmp_path: Path) -> None:
    thread = threading.Thread(target=write_set, args=(tmp_path / "out", 1))
    thread.start()
    thread.join()
    check_whole(tmp_path / "out")


def test_a_reader_never_sees_a_half(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_set(target, 0)
    process = start_writer(target)
    seen: set[int] = set()
    end = time.monotonic() + 20
    try:
        while len(seen) < 8 and time.monotonic() < end:
            seen.add(read_output(target)["number"])
    finally:
        stop(process, signal.SIGKILL)
    assert len(seen) == 8, "the writer must have run meanwhile"


# -- what is swept ------------------------------------------------------------------------------------------


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_hidden_folders_of_dead_runs_of_this_target_are_swept(tmp_path: Path) -> None:
    dead = dead_pid()
    ours = tmp_path / f".out.ecograph-{dead}-0123abcd"
    kept = [
        tmp_path / f".out.ecograph-{os.getpid()}-0123abcd",  # alive
        tmp_path / f".out2.ecograph-{dead}-0123abcd",  # another target
        tmp_path / f".out.ecograph-{dead}-mine",  # not our pattern
        tmp_path / f".out.ecograph-{dead}-89abcdef",  # locked: alive in another container
    ]
    for folder in [ours, *kept]:
        folder.mkdir()
        (folder / "a").write_text("half")
    lock = os.open(kept[3], os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        write_set(tmp_path / "out", 1)
    finally:
        os.close(lock)
    assert not ours.exists()
    assert all((folder / "a").exists() for folder in kept)


# -- one file -----------------------------------------------------------------------------------------------


def test_write_text_replaces_only_when_told_and_leaves_no_traces(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    write_text(path, "a\n")
    with pytest.raises(OutputError, match="exists already"):
        write_text(path, "b\n")
    assert path.read_bytes() == b"a\n"
    write_text(path, "é\n", overwrite=True)
    assert path.read_bytes() == "é\n".encode()
    with pytest.raises(OutputError, match="can't write"):
        write_text(tmp_path / "absent" / "x", "c\n")
    assert hidden(tmp_path) == []


def test_the_seal_covers_every_byte_of_the_record(tmp_path: Path) -> None:
    write_set(tmp_path / "out", 1)
    document = json.loads((tmp_path / "out" / PROVENANCE).read_text())
    document["format"] = "ecograph output 1"
    document["added"] = True
    (tmp_path / "out" / PROVENANCE).write_text(json.dumps(document))
    with pytest.raises(OutputError, match="altered"):
        seal.parse(tmp_path / "out")
