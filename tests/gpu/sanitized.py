"""A command under AddressSanitizer and UBSan, which end its process at the first thing they find.

They look at the kernels alone, compiled by g++ -fsanitize; AddressSanitizer has to be there before Python asks for
memory, so that it puts room around each array. ``ECOGRAPH_SANITIZED`` tells tests/gpu/conftest.py to compile so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["SANITIZED", "environment", "run"]

ROOT = Path(__file__).resolve().parents[2]
SANITIZED = os.environ.get("ECOGRAPH_SANITIZED") == "1"


def environment() -> dict[str, str]:
    """What makes Python, and the tests in it, one that sanitizers look at."""
    library = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout
    return dict(os.environ) | {
        "LD_PRELOAD": library.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python holds its memory to the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "ECOGRAPH_SANITIZED": "1",
    }


def run(*arguments: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
    """``python arguments`` from the source tree, with what it said."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=seconds)  # fmt: skip
