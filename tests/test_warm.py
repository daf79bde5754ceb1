"""The first call of all has help: the kernels that it needs are compiled by others, and no more than these."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest

from benchmarks import events
from ecograph.cpu import _kept, warm

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off: nothing is compiled")

RANK = """
import sys
from importlib import import_module
from pathlib import Path
from numba.extending import is_jitted
from ecograph.cli import main
from ecograph.cpu import warm
try:
    main(["rank", sys.argv[1], "--conductor", "gojek", "-o", sys.argv[2], "--json"])
except SystemExit as end:
    assert not end.code, end.code
for path in sorted(Path(warm.__file__).parent.glob("*.py")):
    module = import_module(f"ecograph.cpu.{path.stem}")
    for name, value in vars(module).items():
        if is_jitted(value) and value.py_func.__module__ == module.__name__ and value.signatures:
            print(f"{path.stem}.{name}", file=sys.stderr)
"""


def test_the_list_is_what_rank_compiles(tmp_path: Path) -> None:
    log = events.write(tmp_path / "log.parquet", 60_000)  # so that tables of ids and pairs grow
    command = [sys.executable, "-c", RANK, str(log), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = done.stderr.split()
    missing, idle = sorted(set(found) - set(warm.KERNELS)), sorted(set(warm.KERNELS) - set(found))
    assert not missing, f"name them in ecograph/cpu/warm.py: {missing}"
    assert not idle, f"rank doesn't call {idle}: take them out of ecograph/cpu/warm.py"


def test_helpers_fill_the_cache_and_end_with_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kept, "FOLDER", tmp_path)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setenv("ECOGRAPH_CACHE", str(tmp_path))
    started: list[subprocess.Popen[bytes]] = []
    real = warm._start

    def start(first: int, step: int) -> subprocess.Popen[bytes]:
        started.append(real(first, step))
        return started[-1]

    monkeypatch.setattr(warm, "_start", start)
    with warm.helpers():
        deadline = time.monotonic() + 120
        while not (kept := _kept.cached()) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert kept
    assert len(started) == 1
    assert started[0].returncode is not None
    assert (_kept.cached() or 0) < len(warm.KERNELS)  # what nobody waits for any more isn't compiled


@pytest.mark.parametrize(("kept", "threads"), [(None, 8), (len(warm.KERNELS), 8), (0, 1)])
def test_nobody_helps_where_that_is_no_use(kept: int | None, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "cached", lambda: kept)
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(threads))
    monkeypatch.setattr(warm, "_start", lambda *given: pytest.fail("a helper was started"))
    with warm.helpers():
        pass


def test_helpers_share_the_kernels_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[str] = []
    monkeypatch.setattr(warm, "_compile", lambda names, **_: shares.extend(names))
    for first in range(3):
        warm.main([str(first), "3"])
    assert sorted(shares) == sorted(warm.KERNELS)
    assert shares[0] == warm.KERNELS[-1]


COMPILE = """
import sys
from ecograph.cpu import exact
kernel = exact.multiply.compile_now(float(sys.argv[1]), must=sys.argv[2] == "must")
print(len(kernel.signatures))
"""


@pytest.mark.parametrize(("must", "compiled"), [("must", "1"), ("leave", "0")])
def test_what_another_compiles_is_left_to_it(
    must: str, compiled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = os.environ | {"ECOGRAPH_CACHE": str(tmp_path)}
    where = subprocess.check_output(
        [sys.executable, "-c", "from ecograph.cpu import _kept; print(_kept.FOLDER)"], env=environment, text=True
    )
    monkeypatch.setattr(_kept, "FOLDER", Path(where.strip()))
    command = [sys.executable, "-c", COMPILE, "0.1", must]
    with _kept.claimed("ecograph.cpu.exact.multiply") as ours:
        assert ours
        assert subprocess.check_output(command, env=environment, text=True).strip() == compiled
    assert subprocess.check_output(command, env=environment, text=True).strip() == "1"  # the lock is gone


def test_where_files_cannot_be_locked_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kept, "FOLDER", tmp_path / "gone")
    with _kept.claimed("a kernel") as ours:
        assert ours
    monkeypatch.setattr(_kept, "FOLDER", tmp_path)
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError("no locks here")))
    with _kept.claimed("a kernel") as ours:
        assert ours
