"""What is lost when participants close: events in, losses by closure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ecograph.cli.options import names
from ecograph.cli.source import Source

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.metrics.cascade_result import CascadeResult
    from ecograph.progress import Progress

__all__ = ["AskLoss", "classes", "loss", "loss_into", "shocks"]


@dataclass(frozen=True, kw_only=True)
class AskLoss(Source):
    """What was asked for on the command line; ``options`` holds the arguments of ``cascade_loss``."""

    closures: Sequence[Mapping[str, float]]
    conductor: str | None = None
    essential: Path | None = None
    options: Mapping[str, Any] | None = None


def shocks(close: Sequence[str], share: float) -> list[dict[str, float]]:
    """Each of ``close`` is one shock: ids with commas between, all of which lose ``share`` of their capacity."""
    if not 0.0 < share <= 1.0:
        raise typer.BadParameter(f"{share} isn't in (0, 1].", param_hint="--share")
    found = [dict.fromkeys(names(each), share) for each in close]
    if not all(found):
        raise typer.BadParameter("an empty list of ids.", param_hint="--close")
    return found


def classes(path: Path | None) -> dict[tuple[str, str], int] | None:
    """Essentiality by groups, from a CSV file with the columns supplier, buyer and class (0, 1 or 2)."""
    import polars as pl

    from ecograph.errors import SourceError

    if path is None:
        return None
    hint = (
        "a header supplier,buyer,class, then rows such as  mill,bakery,2  (groups; 0 negligible, 1 linear, 2 essential)"
    )
    try:
        table = pl.read_csv(path, infer_schema=False).select("supplier", "buyer", pl.col("class").cast(pl.Int64))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"{path} can't be read as classes of inputs: {str(error).splitlines()[0]}", hint=hint
        ) from None
    if table.null_count().sum_horizontal()[0] or table.select("supplier", "buyer").is_duplicated().any():
        raise SourceError(f"{path} has an empty cell, or names a pair of groups twice.", hint=hint)
    return {(supplier, buyer): kind for supplier, buyer, kind in table.iter_rows()}


def loss(ask: AskLoss, *, quarantine: Path | None = None, progress: Progress = None) -> tuple[CascadeResult, Ecosystem]:
    """Read the events, cut the window out, run the shocks."""
    from ecograph.metrics.cascade import cascade_loss

    essentiality = classes(ask.essential)
    view, eco = ask.read(quarantine=quarantine, progress=progress)
    options = ask.options or {}
    return cascade_loss(view, ask.closures, ask.conductor, essentiality=essentiality, progress=progress, **options), eco


def loss_into(
    folder: str, ask: AskLoss, *, overwrite: bool, progress: Progress = None
) -> tuple[CascadeResult, Ecosystem]:
    """The same, and leave losses, quarantine, mapping and provenance in ``folder``: all of them or none."""
    from ecograph.output import output_folder
    from ecograph.provenance import plain, record

    facts: dict[str, Any] = {}
    with output_folder(folder, overwrite, provenance=facts) as place:
        result, eco = loss(ask, quarantine=place / "quarantine.csv", progress=progress)
        result.table.write_parquet(place / "loss.parquet")
        result.table.write_csv(place / "loss.csv")
        ask.keep_mapping(eco, place / "mapping.toml")
        facts |= record(command="loss", **vars(ask))
        facts |= {"ingest": plain(eco.provenance["ingest"]), "loss": plain(result.facts())}
    return result, eco
