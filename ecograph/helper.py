"""Start a module of this ecograph in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["cores", "start"]


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(module: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """It imports this ecograph, and nothing from the folder it is in; it has one thread and says nothing.

    A Ctrl-C doesn't reach it: who started it ends it.
    """
    paths = [str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", module, *arguments]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    null = subprocess.DEVNULL
    return subprocess.Popen(command, env=env, stdin=stdin, stdout=null, stderr=null, start_new_session=True)
