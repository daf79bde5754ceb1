"""What was seen in a sample, as data: a guess is worth what speaks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ecograph.printable import printable

__all__ = ["Evidence", "samples"]


class Evidence(NamedTuple):
    """One guess and what speaks for it.

    ``place`` is the part of the mapping (``dialect``, ``time``, ...) or the column; ``samples`` are cells as they
    stand in the file, safe to print.
    """

    place: str
    guess: str
    seen: str
    samples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" ({', '.join(self.samples)})" if self.samples else ""
        return f"{self.guess}: {self.seen}{shown}"


def samples(values: Iterable[object], count: int = 3, width: int = 40) -> tuple[str, ...]:
    r"""The first few different values, in quotes and safe to print.

    Examples
    --------
    >>> samples(["a", "a", "b\r"])
    ("'a'", "'b\\r'")
    """
    different = list(dict.fromkeys(printable(value, width=width) for value in values))
    return tuple(f"'{value}'" for value in different[:count])
