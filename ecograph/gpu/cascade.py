"""Cascades on the device: 32 shocks at a time, by the CPU's rounds. ``cascade.cu`` tells how."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.cascade_ahead import rounds_ahead
from ecograph.cpu.cascade_network import Rule
from ecograph.gpu._module import THREADS, blocks, in_chunks
from ecograph.gpu.cascade_bounds import bound_of
from ecograph.gpu.cascade_state import EACH, PAST, Held, State, bytes_needed, kernel, lane_bytes, pull, to_device
from ecograph.gpu.chains import FEWEST, LANES, WARPS

__all__ = ["Held", "bytes_needed", "run_lanes", "run_state", "to_device"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
LOOK = 4  # rounds between two looks at who lives; a round in which nobody does costs its launches and no more
SCORED = 64  # rows of a warp that scores


def run_lanes(
    held: Held, rule: Rule, lane_ptr: I8Array, row: I4Array, psi: F8Array, weight: F8Array, bounds: bool
) -> tuple[F8Array, F8Array]:
    """``score`` and ``run`` of each lane, as ``cpu.cascade.run_lanes`` gives them.

    Bit for bit where no row reads more than 64 in a run, no market has more rows, and weights are 0 but for one row;
    else within the bounds of sums in another order, and of where rounds stop.
    """
    import cupy

    lanes, network = lane_ptr.size - 1, held.network
    order = np.argsort(rounds_ahead(network, rule, lane_ptr, row), kind="stable")
    size = np.diff(lane_ptr)[order]
    ptr = np.concatenate([[0], np.cumsum(size)])
    entry = np.arange(ptr[-1]) + np.repeat(lane_ptr[:-1][order] - ptr[:-1], size)
    weighed = np.empty(held.n)
    weighed[network.seat] = weight
    lane = np.repeat(np.arange(lanes, dtype=np.int32), size)
    struck = tuple(map(cupy.asarray, (network.seat[row[entry]], lane, psi[entry])))
    there = cupy.asarray(weighed)
    score, run = np.zeros((lanes, 3)), np.full((lanes, 3), np.nan)

    def cascade(first: int, last: int, width: int) -> None:
        group = _Group(held, rule, struck, ptr, slice(first, last), width)
        group.rounds()
        found = group.score(there)
        score[first:last], run[first:last, :2] = found[:, : last - first].T, group.run[:, : last - first].T
        if bounds:
            run[first:last, 2] = group.bounds()[: last - first]

    in_chunks(0, lanes, cascade, least=FEWEST, what="Cascades", needs=lambda width: lane_bytes(network, width))
    back = np.argsort(order)
    return score[back], run[back]


def run_state(held: Held, rule: Rule, row: I4Array, psi: F8Array) -> tuple[F8Array, F8Array, F8Array]:
    """``hd`` and ``hu`` of every row at the end of one shock, and ``run``, as ``cpu.cascade.run_state`` gives them.

    Bit for bit where no row reads more than 64 in a run, and no market has more rows.
    """
    import cupy

    seat = held.network.seat
    shocks = tuple(map(cupy.asarray, (seat[row], np.zeros(row.size, np.int32), psi)))
    group = _Group(held, rule, shocks, np.array([0, row.size]), slice(0, 1), FEWEST)
    group.rounds()
    hd, hu = (state.h.get().reshape(held.n, FEWEST)[seat, 0] for state in (group.down, group.up))
    return hd, hu, group.run[:, 0]


class _Group:
    """Up to ``width`` lanes, each until it stops."""

    def __init__(self, held: Held, rule: Rule, shocks: tuple[Any, ...], ptr: I8Array, part: slice, width: int) -> None:
        import cupy

        n, down, up = held.n, held.down, held.up
        self.held, self.rule, self.width = held, rule, width
        self.down, self.up = (
            State(held, side, width, substitute=others) for side, others in ((down, rule.substitute), (up, False))
        )
        self.most, self.struck = cupy.empty(n * width, np.float64), cupy.zeros(n, np.uint32)
        self._kernel("no_loss")(blocks(n * width), (THREADS,), (self.down.h, self.up.h, np.int64(n * width)))
        begin, end = ptr[part.start], ptr[part.stop]
        self._kernel("strike")(
            blocks(int(end - begin)), (THREADS,),
            (*shocks, np.int64(begin), np.int64(end), np.int32(part.start), self.down.h, self.up.h, self.most,
             self.struck, self.down.changed, self.up.changed, self.down.hit, self.up.hit),
        )  # fmt: skip
        self.lanes = part.stop - part.start
        self.live = cupy.asarray(np.array([(1 << self.lanes) - 1], np.uint32))
        self.largest = cupy.zeros(2 * LANES, np.uint64)
        self.past, self.ran = cupy.zeros(2 * PAST * LANES, np.float64), cupy.zeros(2 * LANES, np.float64)
        self.run = np.zeros((2, LANES))

    def _kernel(self, name: str) -> Any:
        return kernel(name, self.width)

    def rounds(self) -> None:
        """Until no lane lives; that is looked at every so many rounds."""
        alive = True
        while alive:
            for _ in range(LOOK):
                self._round()
            alive = bool(self.live.get()[0])
        self.run = self.ran.get().reshape(2, LANES)

    def _round(self) -> None:
        held, rule = self.held, self.rule
        for channel, state in enumerate((self.down, self.up)):
            pull(state, state.h, state.hit, state.changed, self.live, published=rule.published)
            self._kernel("take_left")(
                blocks(held.n, EACH), (THREADS,),
                (state.side.row, state.side.first, state.sums, state.fresh, self.struck, self.most, np.int64(held.n),
                 np.int32(rule.published), self.live, state.h, state.changed, state.hit, np.int32(channel),
                 self.largest),
            )  # fmt: skip
        self._kernel("decide")(
            (1,), (LANES,),
            (self.largest, np.float64(rule.stop), np.int64(rule.limit), self.live, self.ran, self.past),
        )  # fmt: skip

    def score(self, weight: Any) -> F8Array:
        """(3, lanes): weighted losses, total, down and up."""
        import cupy

        n, down, up = self.held.n, self.down, self.up
        (many,) = blocks(n, WARPS * SCORED)
        score, out = cupy.empty(3 * many * LANES, np.float64), cupy.empty(3 * LANES, np.float64)
        self._kernel("score_rows")(
            (many,), (THREADS,), (weight, down.h, up.h, down.hit, up.hit, np.int64(n), np.int64(SCORED), score)
        )
        self._kernel("fold_scores")((1,), (3 * LANES,), (score, np.int64(many), out))
        found: F8Array = out.get().reshape(3, LANES)
        return found

    def bounds(self) -> F8Array:
        """The larger bound of the two channels; 0 where the last round changed nothing. The state is lost."""
        rounds = np.where(self.run[1] > 0.0, self.run[0], 0.0)
        past = self.past.get().reshape(2, PAST, LANES)
        shocks = self.struck, self.most
        found = [
            bound_of(state, shocks, self.rule.stop, rounds, past[k]) for k, state in enumerate((self.down, self.up))
        ]
        return np.where(rounds > 0.0, np.maximum(*found), 0.0)
