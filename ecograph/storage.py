"""An ecosystem as a folder of Parquet tables: whole and unaltered, or refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl

from ecograph.ecosystem import Ecosystem
from ecograph.errors import OutputError
from ecograph.html import plain
from ecograph.label import label, unlabel
from ecograph.output import output_folder, read_output
from ecograph.ties import Ties

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1  # raised when a reader of the old format would misread the new one


def save(eco: Ecosystem, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write participants.parquet, ties.parquet and provenance.json, whole or not at all.

    The tie table is written as it is: provider and receiver are rows of participants.parquet (from 0),
    relation and period rows of the lists in provenance.json, first and last microseconds since 1970 UTC
    (the smallest int64 where undated). provenance.json also holds the format, the versions, the
    ecosystem's own provenance, and size and SHA-256 of the tables. The same ecosystem gives the same bytes.

    Raises
    ------
    OutputError : the folder exists (without ``overwrite``), holds other files, or can't be written; or the
        ecosystem's provenance holds something that JSON can't.
    """
    facts = {"format": FORMAT, **label(eco), "participants": len(eco), "ties": len(eco.ties)}
    try:
        with output_folder(path, overwrite, provenance={"ecosystem": facts, "source": eco.provenance}) as folder:
            eco.participants.rechunk().write_parquet(folder / "participants.parquet", compression="zstd")
            pl.DataFrame(eco.ties.columns).write_parquet(folder / "ties.parquet", compression="zstd")
    except (TypeError, ValueError) as error:
        raise OutputError(
            f"The ecosystem's provenance can't be written as JSON: {plain(error)}.",
            hint="keep text, finite numbers, lists and dicts in eco.provenance",
        ) from error


def load(path: str | os.PathLike[str]) -> Ecosystem:
    """Read what ``save`` wrote, after checking every file against its hash.

    Raises
    ------
    OutputError : nothing there, a file is missing, truncated or altered, or it isn't an ecosystem.
    """
    document = read_output(path)
    facts: dict[str, Any] = document.get("ecosystem", {})
    if facts.get("format") != FORMAT:
        found = f"an ecosystem of format {plain(facts['format'])}" if "format" in facts else "an output of another kind"
        raise OutputError(
            f"{plain(path)} holds {found}; this ecograph reads ecosystems of format {FORMAT}.",
            hint="give the folder that eco.save(path) wrote, or update ecograph",
        )
    participants = pl.read_parquet(Path(path) / "participants.parquet")
    ties = pl.read_parquet(Path(path) / "ties.parquet")
    return Ecosystem(
        participants,
        Ties(**{column.name: column.to_numpy() for column in ties}),
        provenance=document["source"],
        **unlabel(facts),
    )
