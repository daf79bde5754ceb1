"""Events as a command is told of them: which files, read how, and which window of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.progress import Progress

__all__ = ["Source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What every command that reads events is asked."""

    events: Sequence[str]
    mapping: Path | None = None
    participants: Path | None = None
    since: str | None = None
    until: str | None = None
    every: str | None = None
    strict: bool = False
    memory_limit: int | None = None
    cluster: str | None = None

    def read(self, *, quarantine: Path | None = None, progress: Progress = None) -> tuple[Ecosystem, Ecosystem]:
        """The window asked for, and all that was read."""
        from ecograph.ingest import read_events

        eco = read_events(
            list(self.events),
            mapping=self.mapping,
            participants=self.participants,
            every=self.every,
            strict=self.strict,
            memory_limit=self.memory_limit,
            quarantine=quarantine,
            progress=progress,
            cluster=self.cluster,
        )
        return eco.window(self.since, self.until), eco

    def keep_mapping(self, eco: Ecosystem, path: Path) -> None:
        """Write the mapping as it was written, or as it was made up."""
        said = eco.provenance["mapping"] if self.mapping is None else self.mapping.read_text(encoding="utf-8-sig")
        path.write_text(said, encoding="utf-8")
