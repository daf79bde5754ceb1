"""One vector at a time on the device: sums over chains, and power methods. ``centrality.cu`` tells how rows are summed.

Twins of the steps of ``ecograph.metrics.centrality`` over ``ecograph.cpu.centrality.pull``: what they leave to NumPy on
the CPU is done in the same launch here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.gpu._module import THREADS, module
from ecograph.gpu.chains import LANES, LOOK, WARPS, Rows, folded, stretch, stretch_blocks

__all__ = ["eigenvector", "hub_scores", "walk_rows"]

SEEN = 3  # numbers that a block tells of

Tick = Callable[[float], None]
F8Array = NDArray[np.float64]


class _Place(NamedTuple):
    """What launches over the same rows share."""

    rows: Rows
    pieces: int
    blocks: int  # of the rows that aren't long
    more: int  # of those that are
    piece: Any
    told: Any
    total: Any
    change: Any  # of jumps, by block and 32 lanes
    slowest: Any

    def tasks(self) -> tuple[Any, ...]:
        """The arguments that say which row is whose."""
        made, rows = self.rows.plan, self.rows
        return (rows.begin, rows.end, rows.target, np.int64(self.pieces), np.int64(made.wide),
                np.int64(made.target.size), rows.column, rows.value)  # fmt: skip

    def launch(self, kernel: str, last: str, x: Any, given: tuple[Any, ...]) -> None:
        """One launch over ``x``, and a second only where there are long rows."""
        kernels, made = module("centrality"), self.rows.plan
        kernels.get_function(kernel)((self.blocks,), (THREADS,), (*self.tasks(), x, self.piece, *given, self.told))
        if made.long.size:
            kernels.get_function(last)(
                (self.more,), (THREADS,),
                (self.rows.long, self.rows.bounds, self.piece, np.int64(made.long.size), *given, self.told,
                 np.int64(self.blocks)),
            )  # fmt: skip

    def seen(self, largest: int) -> Any:
        """What blocks told, folded: a launch and a read."""
        given = self.told, np.int64(self.blocks + self.more), np.int32(largest), self.total
        module("centrality").get_function("fold_told")((1,), (SEEN * LANES,), given)
        return self.total.get()[:SEEN]

    def jump(self, before: Any, d: Any, x: Any, weight: Any) -> float:
        """``chains.stretch`` of the one lane; the sum of what its next change counts."""
        count = stretch(before, d, x, weight, 1, self)
        return float(folded(self.change, count, self.total).sum())


def _place(rows: Rows) -> _Place:
    import cupy

    made, pieces = rows.plan, int(rows.plan.bounds[-1])
    short = made.target.size - made.wide
    blocks = max(1, pieces + -(-(made.wide - pieces) // WARPS) + -(-short // THREADS))
    more = -(-made.long.size // THREADS)
    piece, told = (cupy.empty(size, np.float64) for size in (pieces + 1, SEEN * (blocks + more)))
    change = cupy.empty((stretch_blocks(rows.n) + 1) * LANES, np.float64)
    total, slowest = (cupy.empty(size, np.float64) for size in (LANES, LANES))
    return _Place(rows, pieces, blocks, more, piece, told, total, change, slowest)


def walk_rows(
    rows: Rows,
    start: F8Array,
    goal: float,
    most: int,
    *,
    by: float = 1.0,
    held: int = -1,
    weight: F8Array | None = None,
    relative: bool = False,
    tick: Tick | None = None,
) -> tuple[F8Array, float, int]:
    """X = sum_t (by G)^t start from below, how far it may be from that, and the number of steps.

    Row ``held`` keeps its value. How far is the last change, summed over rows times ``weight`` (None: 1), as for
    ``pull_lanes``; or with ``relative`` the largest relative error: where the changes of a stretch add up to S and its
    last is at most m < 1 times what it began with, all later ones add up to at most m / (1 - m) S. Stretches begin
    after 1, 2, 4, ... steps. Steps end when that is <= ``goal``, as looked at every ``LOOK``, or after ``most``.
    Infinite where numbers are. Without ``relative`` x jumps before a look as it does in ``pull_lanes``.
    """
    import cupy

    place = _place(rows)
    d = begun = cupy.asarray(start)
    buffers = [d, *(cupy.empty(rows.n, np.float64) for _ in range(2))]
    x, since = d.copy(), cupy.empty(rows.n, np.float64)
    weights = rows.ones if weight is None else cupy.asarray(weight)
    fresh, mark, left, steps = True, 1, np.inf, 0
    while steps < most and left > goal:
        steps += 1
        look = steps % LOOK == 0 or steps == most
        other = next(each for each in buffers if each is not d and each is not begun)
        far = steps % LOOK == 0 and not relative
        seen = np.int32(look and not far)
        given = (np.float64(by), np.int64(held), weights, begun, other, x, since, np.int32(fresh), seen)
        place.launch("walk_rows", "finish_walks", d, given)
        before, d, fresh = d, other, steps == mark
        if look:
            told = [place.jump(before, d, x, weights)] if far else place.seen(1)
            left = _error(told) if relative else float(told[0])
            if not np.isfinite(told[0]):
                return x.get(), np.inf, steps
            if tick and np.isfinite(left):
                tick(left)
        if fresh:
            begun, mark = d, 2 * mark
    return x.get(), left, steps


def _error(told: Any) -> float:
    rate, recent = float(told[1]), float(told[2])
    return rate / (1.0 - rate) * recent if rate < 1.0 else np.inf


def eigenvector(
    rows: Rows, start: F8Array, norm: float, tol: float, most: int, *, tick: Tick | None = None
) -> tuple[F8Array, int]:
    """About the first eigenvector of S, by steps x <- S x + lambda x from ``start``, and the number of steps.

    ``norm`` is at least the largest sum of a row. Steps end when the Euclidean norm of S x - lambda x is <= tol *
    lambda, for lambda as last looked at, every ``LOOK`` steps: then lambda is taken anew, and x made a unit vector.
    """
    import cupy

    place, x = _place(rows), cupy.asarray(start)
    other = cupy.empty(rows.n, np.float64)
    shift, scale, error, steps = norm, 1.0, np.inf, 0
    while steps < most and error > tol:
        steps += 1
        look = steps % LOOK == 0 or steps == most
        by = scale / (2.0 * shift)
        given = (np.float64(by), np.float64(shift), np.float64(scale), x, other, np.int32(1), np.int32(look))
        place.launch("power_rows", "finish_powers", x, given)
        x, other, scale = other, x, 1.0
        if look:
            product, square, apart = map(float, place.seen(SEEN))
            if not 0.0 < product < np.inf or not 0.0 < square < np.inf:
                break
            found = product / square / by - shift
            scale = square**0.5 / product  # makes of the next x a unit vector, about
            if found > 0.0:
                error = (apart / square) ** 0.5 / by / found
                shift = found
                if tick:
                    tick(error)
    return x.get(), steps


def hub_scores(
    into: Rows, out: Rows, start: F8Array, norms: tuple[float, float], tol: float, most: int,
    *, tick: Tick | None = None,
) -> tuple[F8Array, int]:  # fmt: skip
    """About the first left singular vector, by steps h <- S' (S h) from ``start``, and the number of steps.

    ``into`` has the rows of S, ``out`` those of S'; ``norms`` are at least their largest sums of a row. Steps end when
    one changes h by <= tol of its sum, as looked at every ``LOOK`` steps: then h is made to sum to 1.
    """
    import cupy

    first, second, h = _place(into), _place(out), cupy.asarray(start)
    middle, other = (cupy.empty(into.n, np.float64) for _ in range(2))
    none, plain = np.float64(0.0), np.int32(0)
    by, scale, error, steps = 1.0 / norms[1], 1.0, np.inf, 0
    while steps < most and error > tol:
        steps += 1
        look = steps % LOOK == 0 or steps == most
        first.launch(
            "power_rows", "finish_powers", h, (np.float64(1.0 / norms[0]), none, none, h, middle, plain, plain)
        )
        given = (np.float64(by * scale), none, np.float64(scale), h, other, plain, np.int32(look))
        second.launch("power_rows", "finish_powers", middle, given)
        h, other, was, scale = other, h, scale, 1.0
        if look:
            now, before, apart = map(float, second.seen(SEEN))
            if not 0.0 < now < np.inf or not 0.0 < before < np.inf:
                break
            error = 2.0 * apart / now  # |h'/H' - h/H| <= (|h' - t h| + |t H - H'|) / H', for any t
            by *= was * before / now
            scale = 1.0 / now  # makes the next h sum to 1, about
            if tick:
                tick(error)
    return h.get(), steps
