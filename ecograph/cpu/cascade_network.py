"""The network that losses cascade over, laid out for sweeps, and the rule that ends them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, b1, f8, i8, jit
from ecograph.cpu.csr import by_provider

__all__ = ["CHANNEL", "MARKETS", "RULE", "Channel", "Markets", "Network", "Rule", "channel", "essential_shares",
           "markets", "seats"]  # fmt: skip

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]


class Channel(NamedTuple):
    """One way for losses to go: what each row reads, in runs of entries of which the largest sum counts.

    Rows have their ``place`` by how many entries they have: a loop then ends as the one before did, which processors
    foresee. The row at place t has runs ``first[t]``, ..., run r the entries ``bound[r]``, ...: ``weight`` times the
    loss of ``column``, in the order of the table; weights are above 0. ``group`` of a run is -1 where inputs are
    linear. ``all`` counts places. Row i is read at places ``reader[reader_ptr[i]]``, ...
    """

    all: I4Array
    row: I4Array
    place: I4Array
    first: I8Array
    bound: I8Array
    column: I4Array
    weight: F8Array
    group: I4Array
    reader_ptr: I8Array
    reader: I4Array


class Markets(NamedTuple):
    """Who can stand in for whom: rows ``ptr[m]``, ... are those of market m, and sell ``total``.

    By row: what it sells (``out``), and its ``market``.
    """

    out: F8Array
    market: I4Array
    ptr: I8Array
    total: F8Array


class Network(NamedTuple):
    """Both channels, ``down`` from providers to receivers and ``up`` back, and the markets.

    Rows are sorted by market here, and then as in the table: its row j is ``seat[j]``.
    """

    down: Channel
    up: Channel
    markets: Markets
    seat: I4Array


class Rule(NamedTuple):
    """How a lane is run, and when it stops."""

    substitute: bool
    published: bool
    stop: float
    limit: int


CHANNEL = types.NamedTuple([I4, I4, I4, I8, I8, I4, F8, I4, I8, I4], Channel)
MARKETS = types.NamedTuple([F8, I4, I8, F8], Markets)
RULE = types.NamedTuple([b1, b1, f8, i8], Rule)


def seats(market: I4Array) -> I4Array:
    """Rows of the table by market."""
    seat = np.empty(market.size, np.int32)
    seat[np.argsort(market, kind="stable")] = np.arange(market.size, dtype=np.int32)
    return seat


def channel(seat: I4Array, ptr: I8Array, column: I4Array, weight: F8Array, run: I4Array | None = None) -> Channel:
    """Rows of the table laid out. Entries of one ``run`` of a row are neighbours; None: one run a row.

    Entries of weight 0 pass nothing on and are left out.
    """
    n, kept = ptr.size - 1, np.flatnonzero(weight > 0)
    before = np.searchsorted(kept, ptr)  # entries that count, before each row
    source = np.lexsort((seat, np.diff(before)))
    size = np.diff(before)[source]
    start = np.concatenate([[0], np.cumsum(size)])
    entry = kept[np.arange(start[-1]) + np.repeat(before[source] - start[:-1], size)]
    every, row, place = np.arange(n, dtype=np.int32), seat[source], np.empty(n, np.int32)
    place[row] = every
    run = np.full(column.size, -1, np.int32) if run is None else run
    opens = np.zeros(entry.size, np.bool_)
    opens[start[:-1][size > 0]] = True
    opens[1:] |= run[entry[1:]] != run[entry[:-1]]
    bound = np.append(np.flatnonzero(opens), entry.size)
    first = np.concatenate([[0], np.cumsum(opens)])[start]
    column = seat[column[entry]]
    reader_ptr, readers = by_provider(column, n)
    reader, group = np.repeat(every, size)[readers], run[entry[bound[:-1]]]
    return Channel(every, row, place, first, bound, column, weight[entry], group, reader_ptr, reader)


def markets(seat: I4Array, out: F8Array, market: I4Array) -> Markets:
    """Of rows of the table."""
    ptr = np.concatenate([[0], np.cumsum(np.bincount(market))]).astype(np.int64)
    sold, total = np.empty(out.size), np.zeros(ptr.size - 1)
    sold[seat] = out
    _market_totals(sold, ptr, total)
    return Markets(sold, np.repeat(np.arange(total.size, dtype=np.int32), np.diff(ptr)), ptr, total)


@jit(types.void, F8, I8, F8w)
def _market_totals(out: F8Array, ptr: I8Array, total: F8Array) -> None:
    """Neumaier's sum, rows in order: off by hardly more than one rounding, however many there are."""
    for m in range(total.size):
        high, low = 0.0, 0.0
        for value in out[ptr[m] : ptr[m + 1]]:
            new = high + value
            low += (high - new) + value if high >= value else (value - new) + high
            high = new
        total[m] = high + low


def essential_shares(ptr: I8Array, amount: F8Array, run: I4Array, down: F8Array) -> None:
    """Overwrite ``down`` of essential inputs by their share in what the receiver buys of that group."""
    _essential_shares(ptr, amount, run, down)


@jit(types.void, I8, F8, I4, F8w)
def _essential_shares(ptr: I8Array, amount: F8Array, run: I4Array, down: F8Array) -> None:
    for j in range(ptr.size - 1):
        e = ptr[j]
        while e < ptr[j + 1]:
            last, total = e, 0.0
            while last < ptr[j + 1] and run[last] == run[e]:
                total += amount[last]
                last += 1
            if run[e] >= 0:
                for k in range(e, last):
                    down[k] = amount[k] / total
            e = last
