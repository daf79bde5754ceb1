"""A first mapping for a table that nobody has mapped yet, with what speaks for each guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ecograph.errors import MappingError, SourceError
from ecograph.ingest.batch import Dialect
from ecograph.ingest.dialect import detect_dialect
from ecograph.ingest.draft import Draft, write_draft
from ecograph.ingest.ends import find_ends
from ecograph.ingest.evidence import Evidence
from ecograph.ingest.look import Look, look_at
from ecograph.ingest.names import amount_rank, speaks_of_id, time_rank
from ecograph.ingest.sniff import FORMATS
from ecograph.ingest.source import Source, columns, read, resolve
from ecograph.mapping import Mapping

__all__ = ["Guess", "guess_mapping"]

_ROWS = 20_000
_BLOCK = 4 << 20


@dataclass(frozen=True)
class Guess:
    """A first mapping.

    Attributes
    ----------
    text : the mapping as TOML, its evidence as comments.
    evidence : the same as data. choices : what only the user can say; until then reading refuses the file.
    rows : of the sample that was looked at.
    """

    text: str
    evidence: tuple[Evidence, ...]
    choices: tuple[str, ...]
    rows: int

    def mapping(self) -> Mapping:
        """The mapping, ready for ``read_events`` where there is nothing left to choose."""
        return Mapping.from_toml(self.text)


def guess_mapping(source: Any, *, format: str | None = None) -> Guess:
    """Look at the first rows of a source and guess how they give ties.

    Nothing that can be read in two ways is guessed: amounts like ``20.000`` and dates like ``01/02/2020``, where no
    value tells, come as commented lines of which the user picks one.

    Parameters
    ----------
    source : anything ``read_events`` takes; of several files the first is looked at.
    format : as there; a text file with an unknown ending is taken for delimited text.

    Raises
    ------
    SourceError : it can't be read, or no delimiter splits it.
    MappingError : it has no rows, or no column that could hold ids.

    Examples
    --------
    >>> import polars as pl
    >>> guess = guess_mapping(pl.DataFrame({"seller": ["a", "b"], "buyer": ["x", "y"], "price": [1.5, 2.0]}))
    >>> rule = guess.mapping().ties[0]
    >>> rule.provider.column, rule.receiver.column, rule.amount.column
    ('seller', 'buyer', 'price')
    """
    first, said = _first(source, format)
    dialect, evidence = detect_dialect(first) if first.text else (Dialect(), ())
    frame = _sample(first, dialect)
    looks = [look_at(column) for column in frame.iter_columns()]
    ends = find_ends(looks)
    taken = {end.column for pair in ends for end in pair}
    draft = Draft(
        name=first.name,
        rows=frame.height,
        format=said,
        dialect=dialect,
        on_dialect=evidence,
        looks=tuple(looks),
        ends=tuple(ends),
        times=tuple(sorted((look for look in looks if look.time), key=lambda look: time_rank(look.name))),
        amounts=tuple(_amounts([look for look in looks if look.name not in taken])),
    )
    text, choices = write_draft(draft)
    return Guess(text, (*evidence, *(look.evidence for look in looks)), choices, frame.height)


def _first(source: Any, format: str | None) -> tuple[Source, str | None]:
    """The first source, and the format that the mapping must name because the file's own name doesn't."""
    try:
        return resolve(source, format=format)[0], format
    except SourceError:
        if format is not None or not isinstance(source, str | Path) or _known_ending(Path(source)):
            raise
        return resolve(source, format="csv")[0], "csv"


def _known_ending(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return bool(suffixes) and any(suffixes[-1] in endings for endings in FORMATS.values())


def _sample(source: Source, dialect: Dialect) -> pl.DataFrame:
    batch = next(read(source, dialect, list(columns(source, dialect)), block_bytes=_BLOCK))
    if not batch.frame.height:
        bad = batch.bad["reason"][0] if batch.bad.height else "there are none"
        raise MappingError(f"{source.name} has no good rows to look at: {bad}.", hint="give a file with whole rows.")
    return batch.frame.head(_ROWS)


def _amounts(looks: list[Look]) -> list[Look]:
    """Columns of amounts, the likeliest first: by name, or the only one with decimal places.

    One that is mostly blank would have most rows set aside.
    """
    numbers = [look for look in looks if look.number and not look.mostly_blank and not speaks_of_id(look.name)]
    named = {look.name: rank for look in numbers if (rank := amount_rank(look.name)) is not None}
    if named:
        return sorted((look for look in numbers if look.name in named), key=lambda look: named[look.name])
    broken = [look for look in numbers if look.number and (look.number.decimal_places or len(look.number.choices) > 1)]
    return broken if len(broken) == 1 else []
