"""The main job: events in, ranked external resources out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.ledger import Ledger
    from ecograph.progress import Progress

__all__ = ["Ask", "rank", "rank_into"]


@dataclass(frozen=True)
class Ask:
    """What was asked for on the command line; ``reliance`` holds the arguments of ``ecograph.reliance``."""

    events: Sequence[str]
    conductor: str
    mapping: Path | None = None
    participants: Path | None = None
    since: str | None = None
    until: str | None = None
    every: str | None = None
    strict: bool = False
    memory_limit: int | None = None
    reliance: Mapping[str, Any] | None = None
    cluster: str | None = None
    network: bool = False


def rank(ask: Ask, *, quarantine: Path | None = None, progress: Progress = None) -> tuple[Ledger, Ecosystem]:
    """Read the events, cut the window out, rank."""
    from ecograph.ingest import read_events
    from ecograph.metrics.reliance import reliance

    eco = read_events(
        list(ask.events),
        mapping=ask.mapping,
        participants=ask.participants,
        every=ask.every,
        strict=ask.strict,
        memory_limit=ask.memory_limit,
        quarantine=quarantine,
        progress=progress,
        cluster=ask.cluster,
    )
    view = eco.window(ask.since, ask.until)
    return reliance(view, ask.conductor, progress=progress, **(ask.reliance or {})), eco


def rank_into(folder: str, ask: Ask, *, overwrite: bool, progress: Progress = None) -> tuple[Ledger, Ecosystem]:
    """The same, and leave ledger, figures, quarantine, mapping and provenance in ``folder``: all of them or none."""
    from ecograph.output import output_folder
    from ecograph.provenance import plain, record

    facts: dict[str, Any] = {}
    with output_folder(folder, overwrite, provenance=facts) as place:
        ledger, eco = rank(ask, quarantine=place / "quarantine.csv", progress=progress)
        _write(place, ledger, eco, ask)
        facts |= record(command="rank", **vars(ask))
        facts |= {"ingest": plain(eco.provenance["ingest"]), "ledger": plain(ledger.facts())}
    return ledger, eco


def _write(place: Path, ledger: Ledger, eco: Ecosystem, ask: Ask) -> None:
    ledger.write_parquet(place / "ledger.parquet")
    ledger.write_csv(place / "ledger.csv")
    ledger.write_latex(place / "ledger.tex")
    _draw(place, ledger, eco, ask)
    said = eco.provenance["mapping"] if ask.mapping is None else ask.mapping.read_text(encoding="utf-8-sig")
    (place / "mapping.toml").write_text(said, encoding="utf-8")


def _draw(place: Path, ledger: Ledger, eco: Ecosystem, ask: Ask) -> None:
    from ecograph.figures import agreement
    from ecograph.figures.ledger import draw

    draw(ledger, place / "ledger")
    if ledger.agreement is not None:
        agreement.draw(ledger, place / "agreement", top=10)
    if ask.network:
        from ecograph.figures import network  # imports graph_tool.draw, which takes a second

        network.draw(ledger, eco.window(ask.since, ask.until), place / "network")
