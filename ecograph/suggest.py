"""Which known names are nearest to the one that was asked for?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import polars as pl

from ecograph.html import quoted

__all__ = ["nearest", "offer"]

_FEW = 5_000  # difflib compares about this many ids in a tenth of a second
_LONG = 100  # characters compared: difflib is quadratic in them


def nearest(asked: str, known: Iterable[str] | pl.Series, n: int = 3) -> list[str]:
    """At most ``n`` known names, the most alike first, without regard to case.

    Names that are spelled alike come first (difflib, ratio 0.6), then the shortest that contain what
    was asked. Among more than 5,000 names only those that share the first or last three characters,
    or contain what was asked, are compared.

    Examples
    --------
    >>> nearest("wieght", ["weight", "count", "receiver"])
    ['weight']
    >>> nearest("12", ["driver:12", "driver:7"])
    ['driver:12']
    """
    names = pl.Series("name", known if isinstance(known, pl.Series) else list(known), dtype=pl.String).drop_nulls()
    folded = asked[:_LONG].casefold()
    if names.len() > _FEW:
        names = _likely(folded, names)
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(name[:_LONG].casefold(), name)
    alike = get_close_matches(folded, spelled, n)
    around = sorted((key for key in spelled if folded and folded in key), key=lambda key: (len(key), key))
    return [spelled[key] for key in dict.fromkeys([*alike, *around])][:n]


def _likely(folded: str, names: pl.Series) -> pl.Series:
    lower = pl.col("name").str.to_lowercase()
    shares = (
        lower.str.contains(folded, literal=True) | lower.str.starts_with(folded[:3]) | lower.str.ends_with(folded[-3:])
    )
    exact_first = pl.col("name").str.len_chars().cast(pl.Int64) - len(folded)
    return names.to_frame().filter(shares).sort(exact_first.abs(), "name").head(_FEW).to_series()


def offer(asked: str, known: Iterable[str] | pl.Series, what: str = "known") -> str:
    """A sentence for a hint: the nearest names, or else the first few there are.

    Examples
    --------
    >>> offer("Driver", ["driver", "merchant"], "roles")
    "nearest roles: 'driver'"
    >>> offer("x", ["driver", "merchant"], "roles")
    "roles here: 'driver', 'merchant'"
    """
    if found := nearest(asked, known):
        return f"nearest {what}: {quoted(found)}"
    names = known.head(50).to_list() if isinstance(known, pl.Series) else list(known)
    return f"{what} here: {quoted(names, few=8)}" if names else f"there are no {what} here"
