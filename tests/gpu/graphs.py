"""Graphs for the twins of chains, and the CPU's steps over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecograph.cpu import centrality
from ecograph.cpu.slices import slices

__all__ = ["KEEP", "CpuSteps", "Graph"]

KEEP = 0.85


class Graph:
    """Rows of given lengths, columns at random; no column of G sums to more than KEEP."""

    def __init__(self, sizes: Sequence[int], seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.n = len(sizes)
        self.ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.column = random.integers(0, max(1, self.n), self.ptr[-1]).astype(np.int32)
        weight = random.random(self.ptr[-1]) + 0.01
        self.value = KEEP * weight / np.bincount(self.column, weight, minlength=self.n)[self.column] * (1 - 2.0**-40)
        self.longest = max(sizes, default=0)


class CpuSteps:
    """The CPU's kernel of one step, x <- 1 (S x + 1 e) + 0: the same operations as e + S x."""

    def __init__(self, graph: Graph, start: Any) -> None:
        self.graph, self.lanes = graph, start.size
        e = np.zeros((graph.n, start.size))
        for lane, row in enumerate(start):
            if row >= 0:
                e[row, lane] = 1.0
        self.rows = slices(graph.ptr, graph.column, graph.value)
        self.scale, self.ends = np.ones(self.rows.slots), np.zeros(self.rows.slots, np.uint8)
        self.e = self.rows.to_lanes(e)
        self.x, self.new, self.nothing = (np.zeros_like(self.e) for _ in range(3))
        self.ones = np.ones(self.e.size // self.rows.slots)
        self.change = np.zeros(self.ones.size)

    def step(self) -> None:
        """One more."""
        self.change, _ = centrality.pagerank_step(
            self.rows, self.scale, self.ends, self.nothing, self.e, self.ones, 1.0, self.x, self.new
        )
        self.x, self.new = self.new, self.x

    def after(self, steps: int) -> tuple[Any, Any]:
        """x after so many steps from 0, and its last change in each lane."""
        self.x[:] = 0.0
        for _ in range(steps):
            self.step()
        return self.rows.from_lanes(self.x, self.lanes), self.change[: self.lanes]
