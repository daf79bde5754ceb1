"""The main job: events in, ranked external resources out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecograph.cli.source import Source

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.ledger import Ledger
    from ecograph.progress import Progress

__all__ = ["Ask", "rank", "rank_into"]


@dataclass(frozen=True, kw_only=True)
class Ask(Source):
    """What was asked for on the command line; ``reliance`` holds the arguments of ``ecograph.reliance``."""

    conductor: str
    reliance: Mapping[str, Any] | None = None
    network: bool = False


def rank(ask: Ask, *, quarantine: Path | None = None, progress: Progress = None) -> tuple[Ledger, Ecosystem]:
    """Read the events, cut the window out, rank."""
    from ecograph.cpu.warm import helpers

    with helpers():
        from ecograph.metrics.reliance import reliance

        view, eco = ask.read(quarantine=quarantine, progress=progress)
        return reliance(view, ask.conductor, progress=progress, **(ask.reliance or {})), eco


def rank_into(folder: str, ask: Ask, *, overwrite: bool, progress: Progress = None) -> tuple[Ledger, Ecosystem]:
    """The same, and leave ledger, figures, quarantine, mapping and provenance in ``folder``: all of them or none."""
    from ecograph.figures.beside import drawing
    from ecograph.output import output_folder
    from ecograph.provenance import plain, record

    facts: dict[str, Any] = {}
    with output_folder(folder, overwrite, provenance=facts) as place, drawing() as draw:
        ledger, eco = rank(ask, quarantine=place / "quarantine.csv", progress=progress)
        wait = draw(ledger, place)
        _write(place, ledger, eco, ask)
        wait()
        facts |= record(command="rank", **vars(ask))
        facts |= {"ingest": plain(eco.provenance["ingest"]), "ledger": plain(ledger.facts())}
    return ledger, eco


def _write(place: Path, ledger: Ledger, eco: Ecosystem, ask: Ask) -> None:
    ledger.write_parquet(place / "ledger.parquet")
    ledger.write_csv(place / "ledger.csv")
    ledger.write_latex(place / "ledger.tex")
    ask.keep_mapping(eco, place / "mapping.toml")
    if ask.network:
        from ecograph.figures import network  # imports graph_tool.draw, which takes a second

        network.draw(ledger, eco.window(ask.since, ask.until), place / "network")
