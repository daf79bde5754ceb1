"""Hints that name what is nearest to a word that isn't known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ecograph.errors import MappingError

__all__ = ["nearest_words", "one_of"]


def nearest_words(name: str, known: Iterable[str]) -> str:
    """A hint that names what is nearest to ``name`` among ``known``, or all of it when nothing is near.

    Examples
    --------
    >>> nearest_words("recever", ["provider", "receiver"])
    "did you mean 'receiver'? There are: 'provider', 'receiver'"
    """
    names = list(known)
    lower = {n.casefold(): n for n in reversed(names)}
    near = [lower[n] for n in get_close_matches(name.casefold(), lower, 3)]
    listed = ", ".join(map(repr, names[:40])) + (", ..." if len(names) > 40 else "")
    there = f"There are: {listed}" if names else "There are none"
    return f"did you mean {' or '.join(map(repr, near))}? {there}" if near else there


def one_of(value: str, allowed: Iterable[str], what: str) -> None:
    """Raise unless ``value`` is among ``allowed``."""
    if value not in (names := list(allowed)):
        raise MappingError(f"{what} is {value!r}, which isn't known.", hint=nearest_words(str(value), names))
