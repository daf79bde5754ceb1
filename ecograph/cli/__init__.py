"""The command line: parse, one library call, print."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]

_OBJECTS = 100_000  # made before cycles are looked for: with Python's 700, imports alone spend a tenth of a ranking so


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ecograph``; ends with SystemExit (docs/cli.md lists the exit codes)."""
    gc.set_threshold(_OBJECTS)
    try:
        from ecograph.cli.commands import app

        app(args=None if arguments is None else list(arguments), prog_name="ecograph")
    except KeyboardInterrupt:  # before or after the command itself, which has its own answer
        print("Stopped.", file=sys.stderr)
        raise SystemExit(130) from None
