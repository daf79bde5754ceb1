"""What cascades hold on the device: the network, for as long as it is held, and where 32 of them stand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.cascade_network import Channel, Network
from ecograph.gpu._module import THREADS, blocks, module, shortfall
from ecograph.gpu.chains import FEWEST, LANES, PIECE, SHORT, WARPS, Plan, plan

__all__ = ["EACH", "PAST", "Held", "Side", "State", "Tasks", "bytes_needed", "kernel", "lane_bytes", "pull",
           "to_device"]  # fmt: skip

EACH = WARPS * 4  # rows, or short tasks, of a block: as in cascade.cu
PAST = 8  # rounds over which the rate is taken, as on the CPU


class Tasks(NamedTuple):
    """Runs of entries, or markets, shared out as in ``chains.plan``: arrays of the device."""

    plan: Plan
    begin: Any
    end: Any
    target: Any
    long: Any
    bounds: Any

    def given(self) -> tuple[Any, ...]:
        """What a kernel takes of them."""
        return self.begin, self.end, self.target, np.int64(self.plan.wide), np.int64(self.plan.target.size)

    def longs(self, piece: Any) -> tuple[Any, ...]:
        """And one that adds up pieces."""
        return self.long, self.bounds, piece, np.int64(self.plan.long.size)


class Side(NamedTuple):
    """One channel, as ``cpu.cascade_network.Channel``; ``narrow`` places have no more than 64 entries."""

    tasks: Tasks
    runs: int
    narrow: int
    row: Any
    first: Any
    bound: Any
    column: Any
    weight: Any


class Held(NamedTuple):
    """The network on the device, and of the host what no kernel needs."""

    network: Network
    n: int
    down: Side
    up: Side
    sellers: Tasks
    out: Any
    market: Any
    total: Any


def bytes_needed(network: Network, shocks: int, lanes: int = LANES) -> int:
    """Device memory for the network, ``shocks`` entries and so many lanes, from above."""
    n, m = network.seat.size, network.markets.total.size
    held = 16 * shocks + 40 * n + 20 * m + 28 * (2 * (n // PIECE) + 1)
    for channel in (network.down, network.up):
        runs, entries = channel.bound.size - 1, channel.column.size
        held += 12 * entries + 28 * runs + 12 * n + 28 * (2 * (entries // PIECE) + 1)
    return held + 40 * 512 + lane_bytes(network, lanes)


def lane_bytes(network: Network, lanes: int) -> int:
    """Device memory for so many lanes, from above, beside the network and shocks."""
    n, m = network.seat.size, network.markets.total.size
    values, words, pieces = 6 * n + m, 11 * n + m, 2 * (2 * (n // PIECE) + 1)
    for channel in (network.down, network.up):
        runs = channel.bound.size - 1
        values, words, pieces = values + runs, words + runs, pieces + 2 * (channel.column.size // PIECE) + 1
    told = pieces + 3 * (n // (8 * EACH) + 1) + 64  # of 32 lanes always
    return 8 * lanes * values + 8 * LANES * told + 4 * words + 40 * 512


def to_device(network: Network, shocks: int = 0) -> Held:
    """Copy the network once. MemoryError where it, ``shocks`` entries and the fewest lanes don't fit."""
    import cupy

    if lacking := shortfall(bytes_needed(network, shocks, FEWEST)):
        raise MemoryError(lacking)
    markets = network.markets
    arrays = map(cupy.asarray, (markets.out, markets.market, markets.total))
    return Held(network, network.seat.size, _side(network.down), _side(network.up), _tasks(markets.ptr), *arrays)


def _tasks(ptr: NDArray[np.int64]) -> Tasks:
    import cupy

    made = plan(ptr)
    return Tasks(made, *map(cupy.asarray, (made.begin, made.end, made.target, made.long, made.bounds)))


def _side(channel: Channel) -> Side:
    import cupy

    entries = np.diff(channel.bound[channel.first])  # rising
    arrays = map(cupy.asarray, (channel.row, channel.first, channel.bound, channel.column, channel.weight))
    narrow = int(np.searchsorted(entries, SHORT, side="right"))
    return Side(_tasks(channel.bound), channel.bound.size - 1, narrow, *arrays)


class State:
    """One channel of ``width`` cascades: ``h`` is what is left, the rest as in cascade.cu."""

    def __init__(self, held: Held, side: Side, width: int, *, substitute: bool) -> None:
        import cupy

        n, made = held.n, side.tasks.plan
        self.held, self.side, self.width, self.substitute = held, side, width, substitute
        self.h = cupy.empty(n * width, np.float64)
        self.felt, self.sums = cupy.zeros(n * width, np.float64), cupy.zeros(side.runs * width, np.float64)
        self.changed, self.hit = (cupy.zeros(n, np.uint32) for _ in range(2))
        self.moved, self.fresh = cupy.empty(n, np.uint32), cupy.empty(side.runs, np.uint32)
        markets = held.sellers.plan if substitute else None
        self.offer = cupy.empty(held.total.size * width if substitute else 0, np.float64)
        self.asked = cupy.empty(held.total.size if substitute else 0, np.uint32)
        pieces = max(int(made.bounds[-1]), 2 * int(markets.bounds[-1]) if markets else 0)
        self.piece = cupy.empty((pieces + 1) * LANES, np.float64)


def kernel(name: str, width: int = LANES) -> Any:
    """Of cascade.cu, for so many lanes."""
    return module("cascade", width).get_function(name)


def pull(state: State, h: Any, hit: Any, changed: Any, live: Any, *, published: bool) -> None:
    """From the losses of rows to the sums of those who read them.

    Two launches, one more where others stand in, and one more each where runs or markets are long.
    """
    held, side, width = state.held, state.side, state.width
    if state.substitute:
        markets, offered = held.sellers, (live, np.int32(published), state.offer, state.asked)
        kernel("offers", width)(
            (markets.plan.blocks,), (THREADS,),
            (*markets.given(), held.out, held.total, h, hit, changed, *offered, state.piece),
        )  # fmt: skip
        if markets.plan.long.size:
            kernel("finish_offers", width)(
                (markets.plan.long.size,), (LANES,), (*markets.longs(state.piece), held.total, *offered)
            )
    kernel("feel", width)(
        blocks(held.n, EACH), (THREADS,),
        (held.out, held.market, h, hit, changed, state.asked, state.offer, np.int64(held.n),
         np.int32(state.substitute), live, state.felt, state.moved),
    )  # fmt: skip
    kernel("pull_runs", width)(
        (side.tasks.plan.blocks,), (THREADS,),
        (*side.tasks.given(), side.column, side.weight, state.felt, hit, state.moved, live, state.sums, state.fresh,
         state.piece),
    )  # fmt: skip
    if side.tasks.plan.long.size:
        kernel("finish_runs", width)(
            (side.tasks.plan.long.size,), (LANES,), (*side.tasks.longs(state.piece), live, state.sums, state.fresh)
        )
