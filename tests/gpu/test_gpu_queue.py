"""Searches with a queue of each source by the CUDA kernels: the bits of the pull, however deep, and the CPU's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import paths as cpu
from ecograph.gpu import breadth
from ecograph.gpu import queue as gpu
from ecograph.gpu._module import module
from ecograph.gpu.chains import PIECE
from tests.gpu import test_gpu_breadth as pulls
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
from tests.gpu.test_gpu_breadth import GRAPHS, U, WHAT, Hops, between, graph, line, nothing, on_cpu, plain_or, slack


def ring(n: int, *, both: bool = False) -> Hops:
    row, column = np.arange(n), (np.arange(n) + 1) % n
    return between(np.r_[row, column], np.r_[column, row], n) if both else between(row, column, n)


def grid(high: int, wide: int) -> Hops:
    """Cells with arrows to those right of them and below: as many paths as ways to mix steps."""
    cell = np.arange(high * wide).reshape(high, wide)
    row = np.r_[cell[:, :-1].ravel(), cell[:-1].ravel()]
    return between(row, np.r_[cell[:, 1:].ravel(), cell[1:].ravel()], cell.size)


def comet(tail: int, leaves: int) -> Hops:
    """A tail that ends in a hub with leaves, both ways."""
    one = np.r_[np.arange(tail), np.full(leaves, tail)]
    other = np.r_[np.arange(1, tail + 1), tail + 1 + np.arange(leaves)]
    return between(np.r_[one, other], np.r_[other, one], tail + leaves + 1)


def apart(n: int) -> Hops:
    """Two lines, a ring, and some whom nothing reaches."""
    parts = [(np.arange(n - 1), np.arange(1, n)), (2 * n - np.arange(n - 1), 2 * n - 1 - np.arange(n - 1)),
             (2 * n + 1 + np.arange(5), 2 * n + 1 + (np.arange(5) + 1) % 5)]  # fmt: skip
    return between(*(np.concatenate(side) for side in zip(*parts, strict=True)), 2 * n + 9)


def fan(arrows: int) -> Hops:
    """From 0 to some by very many arrows, parallel ones too, and from them to the last."""
    some = 1 + np.arange(arrows) % 40
    return between(np.r_[np.zeros(arrows, int), some], np.r_[some, np.full(arrows, 41)], 42)


DEEP = {
    "a line": line(130),
    "a ring": ring(97),
    "a ring both ways": ring(99, both=True),
    "a grid": grid(7, 11),
    "a hub on a tail": comet(70, 70),
    "apart": apart(33),
}
ALL = GRAPHS | DEEP | {"five pieces": fan(4 * PIECE + 65)}


def on_device(graph: Hops, node: Any, source: Any, what: int, begin: int = 0, **given: Any) -> tuple[Any, Any]:
    sums, went = nothing(graph, what, source.size)
    rows = gpu.to_device(breadth.to_device(*graph, node, what))
    gpu.by_hops(rows, source, begin, source.size, what, sums, went, **given)
    return sums, went


def same_bits(found: tuple[Any, Any], expected: tuple[Any, Any], n: int, what: int) -> None:
    """But for sums of inverses, which the pull leaves to NumPy."""
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1][:2], expected[1][:2])
    np.testing.assert_allclose(found[1][2], expected[1][2], rtol=2 * n * U, atol=0)


@pytest.mark.parametrize(
    ("name", "what"),
    [(name, what) for name in ALL for what in ("sums", "distances")]
    + [(name, what) for name in ("33", "edges of a warp", "a grid") for what in ("squares", "rows")],
)
def test_a_queue_gives_the_bits_of_the_pull(
    name: str, what: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """In whatever order threads come, so a level may lie in its queue as chance will have it."""
    twins_on(schedule)
    graph, asked = ALL[name], WHAT[what]
    source = (np.arange(18 if graph.n < 40 else 3) * 7 % graph.n).astype(np.int32)
    node = plain_or(graph, folded=what in ("sums", "squares"))
    found = on_device(graph, node, source, asked)
    same_bits(found, pulls.on_device(graph, node, source, asked), graph.n, asked)
    expected = on_cpu(graph, node, source, asked)
    np.testing.assert_allclose(found[0], expected[0], rtol=slack(graph), atol=0)
    exact = slice(2) if what == "distances" else slice(3)
    np.testing.assert_array_equal(found[1][exact], expected[1][exact])
    np.testing.assert_allclose(found[1], expected[1], rtol=2 * graph.n * U, atol=0)
