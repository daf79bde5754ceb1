"""Graphs for the twins of chains, and the CPU's steps over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecograph.cpu import centrality

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
        self.e = np.zeros((graph.n, start.size))
        for lane, row in enumerate(start):
            if row >= 0:
                self.e[row, lane] = 1.0
        self.x, self.new, self.nothing = (np.zeros_like(self.e) for _ in range(3))
        self.ends, self.ones = np.zeros(graph.n, np.uint8), np.ones(start.size)
        blocks = -(-graph.n // centrality.BLOCK)
        self.change, self.ended = np.zeros((blocks, start.size)), np.zeros((blocks, start.size))

    def step(self) -> None:
        """One more."""
        graph = self.graph
        centrality.pagerank_step(graph.ptr, graph.column, graph.value, self.ends, self.nothing, self.e, self.ones, 1.0,
                                 self.x, self.new, self.change, self.ended)  # fmt: skip
        self.x, self.new = self.new, self.x

    def after(self, steps: int) -> tuple[Any, Any]:
        """x after so many steps from 0, and its last change in each lane."""
        self.x[:] = 0.0
        for _ in range(steps):
            self.step()
        return self.x, self.change.sum(0)
