"""Where compiled kernels are kept, and who compiles which: without Numba, whose import takes a third of a second."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

__all__ = ["FOLDER", "PATIENCE", "cache_state", "cached", "claimed"]

PATIENCE = 20.0  # seconds for a kernel that another process compiles: none takes so long, but a process may be stopped
_PAUSE = 0.005


def _source_hash() -> str:
    numba = find_spec("numba")
    assert numba is not None
    assert numba.origin is not None
    digest = hashlib.sha256(Path(numba.origin).with_name("_version.py").read_bytes())  # importing it takes long
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _choose_folder() -> Path | None:
    """The first writable folder among ECOGRAPH_CACHE, XDG_CACHE_HOME and ~/.cache, or none."""
    roots = [os.environ.get("ECOGRAPH_CACHE"), os.environ.get("XDG_CACHE_HOME"), os.path.expanduser("~/.cache")]
    for root in filter(None, roots):
        folder = Path(root) / "ecograph" / _source_hash()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


FOLDER = _choose_folder()


def cache_state() -> str:
    """Where compiled kernels are kept, in words for ``ecograph doctor``."""
    return f"kernels cached in {FOLDER}" if FOLDER else "no writable cache folder: kernels compile in every process"


def cached() -> int | None:
    """How many kernels are kept compiled; None where none can be."""
    return None if FOLDER is None else sum(1 for _ in FOLDER.rglob("*.nbi"))


@contextmanager
def claimed(kernel: str, patience: float = PATIENCE) -> Iterator[bool]:
    """True once no other process compiles ``kernel``, which then none begins; False where ``patience`` ends before.

    The lock is the system's and goes with the process that holds it. Where files can't be locked nobody waits.
    """
    if FOLDER is None:
        yield True
        return
    try:
        file = os.open(FOLDER / f"{kernel}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # such as a folder that was removed meanwhile
        yield True
        return
    try:
        yield _locked(file, time.monotonic() + patience)
    finally:
        os.close(file)


def _locked(file: int, deadline: float) -> bool:
    import fcntl

    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        except OSError:  # a file system without locks
            return True
