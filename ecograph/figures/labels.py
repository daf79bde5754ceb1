"""Where do the names of scattered points go, so that none lies on another?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import cos, hypot, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "place", "text_size"]

_LONG = 8.0  # points: a label further from its node gets a line


class Box(NamedTuple):
    """A rectangle in points: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Area that two rectangles share."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(wide, 0.0) * max(high, 0.0)

    def area(self) -> float:
        """Square points."""
        return (self.right - self.left) * (self.top - self.bottom)


def text_size(text: str, size: float, weight: str = "normal") -> tuple[float, float]:
    """Width and height of a line of text in points, by the font's own metrics; nothing in it is read as markup."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)
    wide, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(wide), 1.05 * size


def place(
    nodes: Sequence[Box], sizes: Sequence[tuple[float, float]], lines: NDArray[np.float64], page: Box
) -> list[tuple[Box, bool]]:
    """A box for the name of each node, and whether it stands so far off that it needs a line to it.

    Parameters
    ----------
    nodes : what each node covers; those given first are served first.
    sizes : width and height of each name.
    lines : (n, 2) points that names should rather not cover.
    page : what names must not leave.

    Notes
    -----
    Greedy: of 16 directions at 5 distances each takes the one that covers least. O(nodes^2) time.
    """
    placed: list[tuple[Box, bool]] = []
    for node, size in zip(nodes, sizes, strict=True):
        taken = [box for box, _ in placed]

        def cost(candidate: tuple[Box, float], taken: Sequence[Box] = taken) -> float:
            box, far = candidate
            covered = sum(box.overlap(other) for other in (*nodes, *taken))
            outside = box.area() - box.overlap(page)
            under = (lines[:, 0] > box.left) & (lines[:, 0] < box.right)
            under &= (lines[:, 1] > box.bottom) & (lines[:, 1] < box.top)
            return 50.0 * covered + 500.0 * outside + 2.0 * int(under.sum()) + far

        box, far = min(_candidates(node, size, page), key=cost)
        placed.append((box, far > _LONG))
    return placed


def _candidates(node: Box, size: tuple[float, float], page: Box) -> Iterator[tuple[Box, float]]:
    """Boxes around a node, those on the side away from the middle of the page first."""
    x, y = (node.left + node.right) / 2, (node.bottom + node.top) / 2
    wide, high = size
    reach = (node.right - node.left) / 2
    away = np.arctan2(y - (page.bottom + page.top) / 2, x - (page.left + page.right) / 2)
    for far in (1.5, 5.0, 10.0, 18.0, 28.0):
        for turn in sorted(range(-8, 8), key=lambda turn: (abs(turn), turn)):
            angle = float(away) + turn * pi / 8
            dx, dy = cos(angle), sin(angle)
            # the centre of a box that touches the circle of this radius in this direction
            half = min(wide / 2 / abs(dx) if dx else np.inf, high / 2 / abs(dy) if dy else np.inf)
            half = min(half, hypot(wide, high) / 2)
            cx, cy = x + dx * (reach + far + half), y + dy * (reach + far + half)
            yield Box(cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2), far + 0.4 * abs(turn)
