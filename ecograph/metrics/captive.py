"""How much of what a conductor depends on would it lose for good if one participant left?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.breadth import breadth_first
from ecograph.cpu.components import compact_rows
from ecograph.cpu.dominators import below
from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.graphtool import import_graph_tool
from ecograph.metrics.conductors import rows_of_one_or_many
from ecograph.metrics.operator import Dependence
from ecograph.metrics.tie_graph import tie_graph
from ecograph.progress import Progress, track

__all__ = ["captive", "captive_row"]

FRAME = 256  # bytes of stack a participant: five times what graph-tool 2.45 was seen to take on one long circle
STACK = 8 << 20  # bytes besides: what a main thread has


def captive(
    eco: Ecosystem,
    conductor: str | Sequence[str],
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Share of what a conductor depends on that reaches it by no way around each participant.

    .. math:: c_k = \frac{|\{t \ne k : \text{all chains of dependence from } o \text{ to } t \text{ pass } k\}|}{R - 1}

    with o the conductor and R the participants other than o that it depends on over some chain. These t are what k
    *dominates*: take k away, and they fall out of all that o depends on. Who has captives is a single point of failure.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    conductor : id of the participant asked about, or a sequence of ids.
    layer : "service" or "money": only relations of that layer; None: all.
    relation_weights, normalise : as for ``reliance``; they only matter where a relation weighs 0.
    progress : True for a bar, or a callable of (label, done, total); counts conductors.

    Returns
    -------
    (n,) float64 in [0, 1] in the order of ``eco.ids``, or (conductors, n) for a sequence, in its order. Multiples of
    1 / (R - 1), never above ``brokerage``. 0 for o itself, and everywhere where R < 2.

    Raises
    ------
    ParticipantError : no such conductor.
    WindowError : no tie of the view counts.
    MissingDependencyError : graph-tool isn't installed.
    MemoryLimitError : some 300 bytes for each participant reached don't fit.

    Notes
    -----
    The dominator tree is graph-tool's (Lengauer and Tarjan), of what o reaches only, renumbered with o as 0: there
    ``dominator_tree`` would also say 0 for what it doesn't reach. It follows long chains by recursion, and runs on a
    thread with a stack that holds them. O(arrows log n) time a conductor.

    Examples
    --------
    The platform o buys from a and b, who both buy from c, who buys from d and e: only c has captives, 2 of 5 - 1.

    >>> ties = {"provider": list("abccde"), "receiver": list("ooabcc"), "weight": [1] * 6}
    >>> eco = Ecosystem.from_ties(ties)
    >>> [float(captive(eco, "o")[eco.row_of(id)]) for id in "abcde"]
    [0.0, 0.0, 0.5, 0.0, 0.0]

    References
    ----------
    .. [1] T. Lengauer, R. E. Tarjan, "A fast algorithm for finding dominators in a flowgraph", TOPLAS 1 (1979), 121.
    """
    source, one = rows_of_one_or_many(eco, conductor)
    graph = tie_graph(eco, weight=None, layer=layer, relation_weights=relation_weights, normalise=normalise).into
    check_memory(8 * len(eco) * source.size, "captives of so many conductors", "ask for fewer at a time")
    out = np.zeros((source.size, len(eco)))
    with track(progress, "captive", source.size) as tick:
        for q, o in enumerate(source):
            out[q] = _captive(graph.ptr, graph.column, int(o))
            tick(q + 1)
    return out[0] if one else out


def captive_row(dependence: Dependence, o: int) -> NDArray[np.float64]:
    """(n,): ``captive`` of the conductor in row ``o``."""
    return _captive(dependence.ptr, dependence.provider, o)


def _captive(ptr: NDArray[np.int64], provider: NDArray[np.int32], o: int) -> NDArray[np.float64]:
    member, node = breadth_first(o, ptr, provider)
    out = np.zeros(ptr.size - 1)
    if member.size > 2:
        rows, column, _ = compact_rows(ptr, provider, np.zeros(provider.size), member, node, -1)
        out[member] = below(_dominators(rows, column)) / (member.size - 2)
        out[o] = 0.0
    return out


def _dominators(rows: NDArray[np.int64], column: NDArray[np.int32]) -> NDArray[np.int32]:
    """The immediate dominator of each node, all reached from node 0; node 0's own is 0.

    Nodes are in breadth-first order, so that a dominator, which lies on the shortest chains, has the smaller number.
    """
    n = rows.size - 1
    size = (STACK + FRAME * n) // 4096 * 4096
    check_memory(size, "the dominator tree", "look at a smaller view")
    gt = import_graph_tool()
    from graph_tool.topology import dominator_tree

    def tree() -> NDArray[np.int32]:
        g = gt.Graph(directed=True)
        g.add_vertex(n)
        g.add_edge_list(np.column_stack((np.repeat(np.arange(n, dtype=np.int32), np.diff(rows)), column)))
        return np.array(dominator_tree(g, 0).get_array(), np.int32)

    return _on_a_deep_stack(tree, size)


def _on_a_deep_stack(work: Callable[[], NDArray[np.int32]], size: int) -> NDArray[np.int32]:
    """Call ``work`` on a thread of its own, as the one at hand may have a stack of any size."""
    before = threading.stack_size(size)
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()
    finally:
        threading.stack_size(before)
