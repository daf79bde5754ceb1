"""Fewer participants to search from, and to pass, with the same betweenness: leaves folded, twins joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import folding as kernels
from ecograph.cpu.csr import by_provider
from ecograph.metrics.tie_graph import Rows, TieGraph

__all__ = ["Folded", "fold"]

F8Array: TypeAlias = NDArray[np.float64]
I4Array: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Leaves:
    """What ``fold_leaves`` found; ``cross``, ``up`` and the rest are its."""

    order: I4Array
    parent: I4Array
    sources: F8Array
    targets: F8Array
    up: F8Array
    down: F8Array
    cross: F8Array


@dataclass(frozen=True, eq=False)
class Folded:
    """A smaller graph, and the way back.

    Parameters
    ----------
    graph : arrows between classes of twins, those with many arrows first.
    node : (4, classes) of each class, as ``cpu.paths`` takes it.
    member : (n,) the class of each participant, -1 for a leaf.
    closed : (classes,) 1 where its members have arrows to each other, else 0.
    leaves : how the leaves were folded.
    """

    graph: TieGraph
    node: F8Array
    member: I4Array
    closed: F8Array
    leaves: _Leaves

    def unfold(self, total: F8Array, came: F8Array, went: F8Array, again: F8Array, endpoints: bool) -> F8Array:
        """(n,): betweenness, from what ``cpu.paths.by_hops`` found when it searched from all classes.

        Of the pairs whose one end is folded into v, and the other isn't, v lies in between but where it is an end.
        """
        leaves, c = self.leaves, self.member
        # Where members of a class reach each other, each has the others among its sources and targets, not itself.
        inside = np.maximum(self.closed, again)[c]
        came = (came + self.closed * self.node[3])[c] - inside * leaves.sources
        went = (went + self.closed * self.node[1])[c] - inside * leaves.targets
        kernels.unfold_leaves(leaves.order, leaves.parent, leaves.sources, leaves.targets, leaves.up, leaves.down,
                              came, went)  # fmt: skip
        sources, targets = leaves.sources - 1.0, leaves.targets - 1.0
        between: F8Array = leaves.cross + np.where(leaves.parent < 0, total[c], 0.0)
        between += sources * went + came * targets
        if endpoints:
            between += sources + went + came + targets
        return between


def fold(graph: TieGraph) -> Folded:
    """Fold all leaves, and leaves of what is left, into whom they hang on; join who has the same arrows.

    Both are exact. A leaf has one neighbour: all its paths go by way of it. Twins have the same arrows, to each other
    or not, so they are equally far from all others, over as many paths, and never between each other.
    """
    leaves = _leaves(graph)
    stays = leaves.parent < 0
    leader, close = _twins(graph, leaves.parent)
    heads = np.flatnonzero((leader == np.arange(graph.n)) & stays)
    smaller, place = _among(graph, heads)
    member = place[leader]
    closed = np.where(np.bincount(member[close], minlength=heads.size) > 0, 1.0, 0.0)
    s, t = leaves.sources[stays], leaves.targets[stays]
    copies, targets, same, sources = (np.bincount(member[stays], w, heads.size) for w in (None, t, s * t, s))
    # Pairs between two of a class, for each of its sources. Whole numbers before the division: nothing cancels.
    own = np.where((closed == 1) | (copies == 1), 0.0, (sources * targets - same) / sources)
    return Folded(smaller, np.stack([copies, targets, own, sources]), member, closed, leaves)


def _leaves(graph: TieGraph) -> _Leaves:
    n, out, into = graph.n, graph.out, graph.into
    degree, parent, order = np.empty(n, np.int32), np.full(n, -1, np.int32), np.empty(n, np.int32)
    sources, targets, up, down, cross = np.ones(n), np.ones(n), np.zeros(n), np.zeros(n), np.zeros(n)
    many = kernels.fold_leaves(out.ptr, out.column, into.ptr, into.column, degree, parent, order,
                               sources, targets, up, down, cross)  # fmt: skip
    return _Leaves(order[:many], parent, sources, targets, up, down, cross)


def _twins(graph: TieGraph, parent: I4Array) -> tuple[I4Array, I4Array]:
    """For everyone the first of its twins, maybe itself; and those who have theirs among their neighbours.

    Nobody has twins of both kinds: they would have to be neighbours and not.
    """
    out, into = graph.out, graph.into
    leader = np.arange(graph.n, dtype=np.int32)
    stays = np.flatnonzero(parent < 0).astype(np.int32)
    salt = np.random.Philox(key=0).random_raw(2 * graph.n).reshape(2, graph.n)
    salt[:, parent >= 0] = 0
    apart = _totals(out, salt[0]) + _totals(into, salt[1])
    together = apart + salt[0] + salt[1]
    alone = leader
    for key, closed in ((apart, False), (together, True)):
        alone = leader.copy()
        who = stays[np.argsort(key[stays], kind="stable")]
        kernels.join_twins(out.ptr, out.column, into.ptr, into.column, parent, who, key, closed, leader)
    return leader, np.flatnonzero(leader != alone).astype(np.int32)


def _among(graph: TieGraph, heads: NDArray[np.int64]) -> tuple[TieGraph, I4Array]:
    """The arrows between ``heads``, who are renumbered by falling number of arrows: the new numbers, -1 for others.

    Who is passed often lies together in memory then.
    """
    row = np.repeat(np.arange(graph.n, dtype=np.int32), np.diff(graph.out.ptr))
    is_head = np.zeros(graph.n, bool)
    is_head[heads] = True
    kept = is_head[row] & is_head[graph.out.column]
    row, column = row[kept], graph.out.column[kept]
    arrows = np.bincount(row, minlength=graph.n) + np.bincount(column, minlength=graph.n)
    place = np.full(graph.n, -1, np.int32)
    place[heads[np.argsort(-arrows[heads], kind="stable")]] = np.arange(heads.size, dtype=np.int32)
    row, column = place[row], place[column]
    return TieGraph(_by(column, row, heads.size), _by(row, column, heads.size)), place


def _by(end: I4Array, other: I4Array, n: int) -> Rows:
    ptr, entries = by_provider(end, n)
    return Rows(ptr, other[entries], np.empty(0))


def _totals(rows: Rows, salt: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The sum modulo 2**64 of the salts of each row: the same for rows with the same columns."""
    running = np.zeros(rows.column.size + 1, np.uint64)
    np.cumsum(salt[rows.column], out=running[1:])
    totals: NDArray[np.uint64] = running[rows.ptr[1:]] - running[rows.ptr[:-1]]
    return totals
