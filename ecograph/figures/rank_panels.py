"""How sure is a rank? Panels beside a ranked plot: rank intervals, and rows that can't be told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_groups", "draw_ranks", "groups_of"]

_NAME = re.compile(r"[a-z]{2}\.|[a-z]")


def groups_of(letters: pl.Series) -> dict[str, list[int]]:
    """Rows of each tie group, in order of first appearance; a row is in every group whose letter it has.

    Examples
    --------
    >>> groups_of(pl.Series(["a", "ab", "b", None]))
    {'a': [0, 1], 'b': [1, 2]}
    >>> groups_of(pl.Series(["zaa.", "aa.ab."]))  # after z come names of two letters and a point
    {'z': [0], 'aa.': [0, 1], 'ab.': [1]}
    """
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(letters):
        for letter in _NAME.findall(text or ""):
            groups.setdefault(letter, []).append(row)
    return groups


def draw_groups(axes: Axes, tie_group: pl.Series, *, letters: bool = True) -> None:
    """One line a tie group, a dot at each row that is in it, and its letter below."""
    groups = groups_of(tie_group)
    for x, rows in enumerate(groups.values()):
        axes.plot([x] * len(rows), rows, "-", color="0.6", lw=1.0, solid_capstyle="butt", zorder=2)
        axes.plot([x] * len(rows), rows, "o", color="0.15", ms=2.6, mew=0, zorder=3)
    axes.set_xlim(-0.8, len(groups) - 0.2)
    axes.set_xticks(range(len(groups)), list(groups) if letters else [""] * len(groups), fontsize=6)
    axes.set_xlabel("tied")
    axes.spines["bottom"].set_visible(False)
    _plain(axes)
    axes.tick_params(axis="x", length=0, pad=1)


def draw_ranks(axes: Axes, rank: pl.Series, low: pl.Series, high: pl.Series) -> None:
    """A bar from the lowest to the highest rank of each row; one that runs out of the panel has an arrow head."""
    end = 1.35 * max(int(rank.max()), len(rank))  # type: ignore[arg-type]  # ranks are whole numbers
    for row, (at, first, last) in enumerate(zip(rank, low, high, strict=True)):
        axes.plot([first, min(last, end)], [row, row], "-", color="0.8", lw=4.5, solid_capstyle="butt", zorder=2)
        axes.plot(at, row, "|", color="0.15", ms=6, mew=1.2, zorder=4)
        if last > end:
            axes.plot(end, row, ">", color="0.55", ms=4, mew=0, clip_on=False, zorder=3)
    axes.set_xlim(0.4, end)
    axes.set_xlabel("rank, 95 %")
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.tick_params(axis="x", length=2)
    axes.grid(axis="y", color="0.92", lw=0.5)
    axes.set_axisbelow(True)
