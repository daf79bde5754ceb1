"""What all searches for shortest paths share: the graph with its lengths, memory, and rounds between two ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import paths as kernels
from ecograph.cpu.threads import over_blocks
from ecograph.device import Choice, check_memory, choose, guarded, told
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.gpu import breadth, queue
from ecograph.gpu._module import kept
from ecograph.metrics.tie_graph import Rows, TieGraph, tie_graph
from ecograph.progress import Progress, track

__all__ = ["EACH", "Searches", "blocks_added", "check_lengths", "lengths", "uncountable"]

EACH = 8  # arrows times sources for one of ``device.LEAST``: 2**27 in all, which take the CPU about a second
Told: TypeAlias = Callable[[int], None]  # how many of the sources are done
WORK = 4_000_000  # arrows and participants that each block of sources passes between two ticks: some 0.1 s


def lengths(
    eco: Ecosystem,
    distance: str | None,
    reverse: bool,
    layer: str | None,
    relation_weights: Mapping[str, float] | None,
    normalise: str | None,
) -> tuple[TieGraph, NDArray[np.float64] | None]:
    """The graph, and how long the arrows of its ``out`` are; None for hops."""
    if distance not in (None, "inverse", "weight"):
        raise EcographError(
            f"distance={distance!r} is unknown.", hint='distance="inverse" or "weight", or None for hops'
        )
    graph = tie_graph(eco, weight=None if distance is None else "weight", reverse=reverse, layer=layer,
                      relation_weights=relation_weights, normalise=normalise)  # fmt: skip
    return graph, None if distance is None else check_lengths(graph.out.amount, inverse=distance == "inverse")


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


class _Asked(NamedTuple):
    """Searches from those of ``source`` at ``begin`` to ``end`` - 1; results as ``cpu.paths`` says."""

    source: NDArray[np.int32]
    begin: int
    end: int
    what: int
    sums: NDArray[np.float64]
    went: NDArray[np.float64]


class Searches:
    """Arrows, and working arrays to search along them.

    Parameters
    ----------
    out, into : the arrows by where they come from and by where they lead; without ``into`` the second is not made use
        of, which a few searches don't repay.
    length : of the arrows of ``out``; None for hops.
    node : (4, n) of each participant, as ``cpu.paths`` takes it; None: everyone stands for itself.
    more : bytes that results take for each participant and each of BLOCKS.
    device : "auto", "cpu" or "gpu". Lengths are searched by the CPU. ``choice`` says where the last run was, and why.
    """

    choice = Choice("cpu", "nothing was searched")

    def __init__(
        self,
        out: Rows,
        into: Rows | None,
        length: NDArray[np.float64] | None,
        *,
        node: NDArray[np.float64] | None = None,
        more: int = 0,
        device: str = "auto",
    ) -> None:
        self.n, none = out.ptr.size - 1, np.empty(0, np.int32)
        self.device, self.nbytes = device, kernels.BLOCKS * (48 + more) * self.n
        back = (out.ptr, none) if into is None else (into.ptr, into.column)
        self.arrows = (out.ptr, out.column, *back, np.empty(0) if length is None else length)
        self.node = kernels.plain(self.n) if node is None else node
        sides = [out] if into is None else [out, into]
        self.of = [each for side in sides for each in (side.ptr, side.column)] + ([] if node is None else [node])
        self.room: tuple[NDArray[np.float64], NDArray[np.int32]] | None = None
        self.there: Any = None
        self.rows: queue.Rows | None = None
        self.why = ""

    def run(
        self,
        what: int,
        source: NDArray[np.int32],
        sums: NDArray[np.float64],
        went: NDArray[np.float64],
        *,
        label: str,
        progress: Progress,
        begin: int = 0,
        of: int | None = None,
    ) -> None:
        """Search from all of ``source`` but the first ``begin``, a round at a time; results as ``cpu.paths`` says.

        Between two rounds there is a tick, and Ctrl-C gets through. ``of``: how many the sources stand for.
        """
        asked, of = _Asked(source, begin, source.size, what, sums, went), source.size if of is None else of
        with track(progress, label, of) as tick:

            def done(last: int) -> None:
                tick(last * of // source.size)

            self.choice = self._choose(what, source.size - begin, label)
            (self._on_cpu if self.choice.device == "cpu" else self._on_device)(asked, done, label)

    def _choose(self, what: int, sources: int, label: str) -> Choice:
        if self.arrows[4].size:
            return choose(self.device, what=f"{label}, along lengths")
        arrows = self.arrows[1].size
        needs = breadth.bytes_needed(self.n, arrows, what, breadth.fewest(what))
        return choose(self.device, needs, arrows * sources // EACH, what=label)

    def _on_device(self, asked: _Asked, done: Told, label: str) -> None:
        """Arrows are copied for the first run, and stay. Where queues were better once, they are from there on."""
        with guarded("searches for shortest paths"):
            if self.there is None:
                self.there = kept("arrows", self.of, lambda: breadth.to_device(*self.arrows[:4], self.node, asked.what))
            first = asked.begin
            if self.rows is None:
                deepest = queue.deepest(self.n, self.arrows[1].size, asked.end - first, asked.what)
                first = breadth.by_hops(self.there, *asked, deepest=deepest, tick=done)
                if first == asked.end:
                    return
                self.why = f"a queue of each source, as more than {deepest} levels lie behind some"
                self.rows = queue.to_device(self.there)
            self.choice = told(Choice("gpu", f"{self.choice.reason}; {self.why}"), label)
            queue.by_hops(self.rows, *asked._replace(begin=first), tick=done)

    def _on_cpu(self, asked: _Asked, done: Told, _: str) -> None:
        if self.room is None:
            check_memory(self.nbytes, "the searches", "look at a smaller view")
            self.room = kernels.scratch(self.n, self.arrows[4].size == 0)
        size = self.n + self.arrows[1].size
        step = kernels.BLOCKS * max(1, WORK // max(1, size))
        kernel = kernels.by_lengths if self.arrows[4].size else kernels.by_hops
        for first in range(asked.begin, asked.end, step):
            last = min(first + step, asked.end)
            over_blocks(kernel, kernels.BLOCKS, size * (last - first), *self.arrows, self.node, asked.source, first,
                        last, *self.room, asked.what, asked.sums, asked.went)  # fmt: skip
            done(last)


def blocks_added(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the first axis, in index order; NaN stands for a number of paths that overflowed."""
    out = np.zeros(parts.shape[1:])
    for part in parts:
        out += part
    if not np.isfinite(out).all():
        raise uncountable()
    return out


def uncountable() -> EcographError:
    """For NaN among dependencies: the number of shortest paths overflowed."""
    return EcographError("There are more shortest paths than float64 can count.", hint="look at a smaller view")
