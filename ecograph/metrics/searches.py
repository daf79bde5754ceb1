"""What all searches for shortest paths share: the graph with its lengths, memory, and rounds between two ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import paths as kernels
from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.metrics.tie_graph import TieGraph, tie_graph
from ecograph.progress import Progress, track

__all__ = ["check_lengths", "in_rounds", "lengths", "scratch", "uncountable"]

WORK = 4_000_000  # arrows and participants that each block of sources passes between two ticks: some 0.1 s


def lengths(
    eco: Ecosystem,
    distance: str | None,
    reverse: bool,
    layer: str | None,
    relation_weights: Mapping[str, float] | None,
    normalise: str | None,
) -> tuple[TieGraph, NDArray[np.float64]]:
    """The graph, and how long the arrows of its ``out`` are."""
    if distance not in (None, "inverse", "weight"):
        raise EcographError(
            f"distance={distance!r} is unknown.", hint='distance="inverse" or "weight", or None for hops'
        )
    graph = tie_graph(eco, weight=None if distance is None else "weight", reverse=reverse, layer=layer,
                      relation_weights=relation_weights, normalise=normalise)  # fmt: skip
    amount = graph.out.amount
    return graph, check_lengths(amount, inverse=distance == "inverse")


def check_lengths(amount: NDArray[np.float64], *, inverse: bool) -> NDArray[np.float64]:
    """Amounts, or one over them, as lengths: all above 0 and with a finite sum."""
    with np.errstate(over="ignore", divide="ignore"):
        length = 1.0 / amount if inverse else amount
        if not (np.isfinite(length.sum()) and (length > 0.0).all()):
            raise EcographError(
                "The lengths of the arrows don't add up to a finite number, or some are 0.",
                hint="amounts lie too far from 1: give relation_weights= in a larger or smaller unit",
            )
    return length


def scratch(n: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Working arrays of all blocks, if they fit."""
    check_memory(kernels.BLOCKS * 48 * n, "the searches", "look at a smaller view")
    return kernels.scratch(n)


def in_rounds(
    some: Callable[[int, int], None], begin: int, end: int, size: int, label: str, progress: Progress
) -> None:
    """Sources ``begin`` to ``end``, a round at a time: between two rounds there is a tick, and Ctrl-C gets through.

    ``size`` is what one search may have to pass: participants and arrows.
    """
    step = kernels.BLOCKS * max(1, WORK // max(1, size))
    with track(progress, label, end) as tick:
        for first in range(begin, end, step):
            last = min(first + step, end)
            some(first, last)
            tick(last)


def uncountable() -> EcographError:
    """For NaN among dependencies: the number of shortest paths overflowed."""
    return EcographError("There are more shortest paths than float64 can count.", hint="look at a smaller view")
