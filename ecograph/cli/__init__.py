"""The command line: parse, one library call, print."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``ecograph``; ends with SystemExit (docs/cli.md lists the exit codes)."""
    from ecograph.cli.commands import app

    app(args=None if arguments is None else list(arguments), prog_name="ecograph")
