"""Options that several sub-commands share, and how their values are read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Cluster", "Debug", "Events", "Folder", "Json", "MappingFile", "MemoryLimit", "Overwrite", "Participants",
           "Quiet", "Strict", "bars", "names", "weights"]  # fmt: skip

Events = Annotated[list[str], typer.Argument(help="Files or globs: CSV, TSV (also .gz), NDJSON, Parquet, Arrow IPC.")]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", "-m", help="TOML that says how a row gives ties (`ecograph map FILE` writes a first one)."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(help="Column that says which rows belong together, or row: kept with the ties, for resampling."),
]
Participants = Annotated[Path | None, typer.Option(help="Table of participants: id, role, group, owner, region, ...")]
Folder = Annotated[str | None, typer.Option("--output", "-o", help="Folder for the results; all of them or none.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what ecograph wrote there before.")]
Strict = Annotated[bool, typer.Option("--strict", help="One bad row is an error.")]
MemoryLimit = Annotated[
    int | None, typer.Option(min=1, help="Bytes that reading may take; default: half of what is free.")
]
Json = Annotated[bool, typer.Option("--json", help="The same facts as JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No bars.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def bars(quiet: bool) -> bool:
    """Whether to draw bars: standard error is a terminal and nobody said no."""
    return not quiet and sys.stderr.isatty()


def names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def weights(pairs: list[str] | None) -> dict[str, float] | None:
    """``["ride=2", "meal=0.5"]`` as a dict; a name may hold =."""
    found: dict[str, float] = {}
    for pair in pairs or []:
        name, equals, number = pair.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} isn't NAME=NUMBER.", param_hint="--relation-weight")
    return found or None
