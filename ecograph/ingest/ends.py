"""Who gives and who gets, by the names of the columns and by how many different ids they hold."""

from __future__ import annotations

from typing import NamedTuple

from ecograph.errors import MappingError
from ecograph.ingest.look import Look
from ecograph.ingest.names import Part, part_of, speaks_of_id

__all__ = ["End", "Ends", "find_ends"]


class End(NamedTuple):
    """One end of a tie: a column (None = a constant to be named by the user), its role and why."""

    column: str | None
    role: str | None
    why: str


class Ends(NamedTuple):
    """Provider and receiver."""

    provider: End
    receiver: End


_NOBODY = End(None, None, "no column says who; all rows share one, to be named by you")


def find_ends(looks: list[Look]) -> list[Ends]:
    """A pair for each column of providers, all with the same receiver.

    Raises
    ------
    MappingError : no column could hold ids.
    """
    usable = [look for look in looks if not look.mostly_blank and look.time is None and not _fractional(look)]
    by_name = {look.name: found for look in usable if (found := part_of(look.name))}
    if {part for part, role, _ in by_name.values() if role is None} != {"provider", "receiver"}:
        by_name = {name: found for name, found in by_name.items() if found[1]}  # a lone "source" may be a citation
    providers, receivers = _named(usable, by_name, "provider"), _named(usable, by_name, "receiver")
    spare = _spare(usable, {look.name for look, _ in [*providers, *receivers]})
    if not providers and not receivers:
        return [_by_cardinality(spare, usable)]
    spare = [look for look in spare if speaks_of_id(look.name)]
    if not providers:
        return [Ends(_spare_end(spare), receivers[0][1])]
    receiver = receivers[0][1] if receivers else _spare_end(spare)
    return [Ends(provider, receiver) for _, provider in providers]


def _named(usable: list[Look], by_name: dict[str, tuple[Part, str | None, int]], part: Part) -> list[tuple[Look, End]]:
    """The best column of each role; words without a role (source, to) count only where no role is named."""
    best: dict[str | None, tuple[int, Look]] = {}
    for look in usable:
        found = by_name.get(look.name)
        if found and found[0] == part and (found[1] not in best or found[2] < best[found[1]][0]):
            best[found[1]] = found[2], look
    roles: list[str | None] = [role for role in best if role is not None]
    chosen = [(best[role][1], role) for role in roles or best]
    return [(look, End(look.name, role, f"by its name a {part}; {look.distinct:,} different")) for look, role in chosen]


def _fractional(look: Look) -> bool:
    return look.number is not None and (look.number.decimal_places or len(look.number.choices) > 1)


def _spare(usable: list[Look], taken: set[str]) -> list[Look]:
    """Other columns that could hold ids, the likeliest first."""
    able = [look for look in usable if look.name not in taken and not look.unique and look.distinct > 1]
    able = [look for look in able if look.number is None or speaks_of_id(look.name)]
    return sorted(able, key=lambda look: (not speaks_of_id(look.name), -look.distinct))


def _spare_end(spare: list[Look]) -> End:
    if not spare:
        return _NOBODY
    return End(spare[0].name, None, f"no name says who; this column holds {spare[0].distinct:,} different")


def _by_cardinality(spare: list[Look], usable: list[Look]) -> Ends:
    """Two columns of ids: a few give to many."""
    pair = sorted((spare or [look for look in usable if look.number is None])[:2], key=lambda look: look.distinct)
    if not pair:
        raise MappingError(
            "no column could hold ids of participants: all are blank, times, or numbers with decimal places.",
            hint="a mapping needs at least one column that says who gives or who gets.",
        )
    ends = [
        End(look.name, None, f"no name says who; {look.distinct:,} different, and a few give to many") for look in pair
    ]
    return Ends(ends[0], ends[1] if len(ends) > 1 else _NOBODY)
