"""Graphs for the twins of chains, and the CPU's steps over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecograph.cpu import centrality, chains
from ecograph.cpu.slices import slices

__all__ = ["KEEP", "CpuStep", "CpuSteps", "Graph"]

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
    """The CPU's steps over the same rows: those of the twin (Jacobi), one lane at a time, and for time its sweeps."""

    def __init__(self, graph: Graph, start: Any) -> None:
        self.graph, self.start = graph, start
        self.e = np.zeros((graph.n, start.size))
        there = np.flatnonzero(start >= 0)
        self.e[start[there], there] = 1.0
        self.held, self.weight = np.full(-(-start.size // chains.WIDTH) * chains.WIDTH, -1, np.int32), np.ones(graph.n)
        self.d, self.h, self.mass = np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0)

    def step(self) -> None:
        """One sweep of all lanes, eight side by side; a single one by itself."""
        width = 1 if self.start.size == 1 else chains.WIDTH
        lanes = -(-self.start.size // width) * width
        if not self.d.size:
            self.d, self.h = (np.full((self.graph.n * lanes // width, width), 1.0) for _ in range(2))
            self.mass = np.ones(lanes)
        self.mass[:] = 1.0
        graph = self.graph
        chains.sweep_lanes(
            graph.ptr, graph.column, graph.value, self.held[:lanes], self.weight, self.d, self.h, self.mass
        )

    def after(
        self, steps: int, *, by: float = 1.0, hold: bool = False, weight: Any = None, e: Any = None
    ) -> tuple[Any, Any]:
        """x = sum of (by G)^t e over t <= steps, and its last change in each lane; at every eighth step with a jump."""
        x = (self.e if e is None else e).copy()
        d = x.copy()
        for step in range(1, steps + 1):
            before = d.copy()
            for lane in range(d.shape[1]):
                changed = by * centrality.pull(self.graph.ptr, self.graph.column, self.graph.value, d[:, lane].copy())
                if hold and self.start[lane] >= 0:
                    changed[self.start[lane]] = 0.0
                d[:, lane] = changed
            x += d
            if step % 8 == 0:
                rate = np.divide(d, before, where=before > 0.0, out=np.ones_like(d))
                slowest = np.minimum(rate.min(axis=0, initial=1.0), 1.0 - 1e-12)
                far = np.where(slowest > 0.0, 1.0 / (1.0 - slowest), 1.0)
                x += (far - 1.0) * d
                d = np.maximum(0.0, far * d - (far - 1.0) * before)
        weights = np.ones(self.graph.n) if weight is None else weight
        return x, (weights[:, None] * d).sum(0)


class CpuStep:
    """The CPU's kernel of a step of one lane, for time."""

    def __init__(self, graph: Graph) -> None:
        self.rows = slices(graph.ptr, graph.column, graph.value)
        slots = self.rows.slots
        self.x, self.new, self.nothing = (np.zeros((slots, 1)) for _ in range(3))
        self.scale, self.ends, self.held = np.ones(slots), np.zeros(slots, np.uint8), np.zeros(1)

    def step(self) -> None:
        """One."""
        centrality.pagerank_step(
            self.rows, self.scale, self.ends, self.nothing, self.nothing, self.held, 1.0, self.x, self.new
        )
