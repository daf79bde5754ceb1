"""How likely is it that chains of dependence from many conductors ever need many candidates?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError
from ecograph.metrics import chains
from ecograph.metrics.components import components
from ecograph.metrics.conductors import rows_of_many
from ecograph.metrics.operator import Dependence, dependence
from ecograph.progress import Progress, track

__all__ = ["reach"]

TOGETHER = 1000  # conductors: each needs its part of tol, and sums carry some 14 digits


def reach(
    eco: Ecosystem,
    conductors: Sequence[str],
    candidates: Sequence[str] | None = None,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    leak: float = 0.0,
    tol: float = 1e-10,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Probability that a chain of dependence from each conductor ever needs each candidate.

    .. math:: f_{ok} = N_{ok} / N_{kk}, \qquad N = (I - P)^{-1}, \quad k \ne o

    The ``reach`` of ``reliance`` for many conductors at once, also of participants that a conductor owns.

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    conductors : ids of the participants whose reliance is asked for.
    candidates : ids of those they may rely on; None: all, in the order of ``eco.ids``.
    layer : "service" or "money": only relations of that layer; None: all.
    relation_weights, normalise : how amounts of different units are joined, as for ``reliance``.
    leak : share in [0, 1) of every participant's inputs bought outside the data, besides ``external_cost``.
    tol : largest absolute error, in [1e-14, 0.1].
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (conductors, candidates) float64 in [0, 1], in the orders asked for. NaN where conductor and candidate are the same:
    nobody is a resource of its own. 0 where no chain leads, never below P[o, k].

    Raises
    ------
    ParticipantError : no such participant.
    WindowError : no tie of the view counts.
    UnitError : relations of different units and nothing that says how to join them.
    ConvergenceError : ``tol`` can't be reached; the message says how far the sums came.
    DeviceError : ``device="gpu"`` without one; the device failed.
    MemoryLimitError : the result doesn't fit, or 768 bytes a participant reached.
    EcographError : an impossible ``leak`` or ``tol``.

    Notes
    -----
    Chains of many kinds are summed at once, a *lane* each. One hitting vector serves a candidate and all conductors,
    which are taken as one made-up participant that depends on each in equal parts, so that one more lane certifies
    them all. One sum of chains serves a conductor and all candidates on no circle of dependence, where N_kk = 1. Those
    on circles always get a lane each; for the others it is a lane a conductor or a lane a candidate, whichever is fewer
    (conductors where equal). O(sweeps * arrows reached) time for each 32 lanes of candidates, or each conductor.

    **Closed classes.** Members get the probability of entering the class. A conductor inside one reaches every other
    member with 1 and nobody else; unlike ``reliance``, no first-round reach takes its place.

    Examples
    --------
    o buys 3/4 from a and 1/4 from b, who both buy from c; so does q, from b alone:

    >>> ties = {"provider": list("abccb"), "receiver": list("ooabq"), "weight": [3, 1, 1, 1, 1]}
    >>> reach(Ecosystem.from_ties(ties), ["o", "q"], ["a", "b", "c", "o"])
    array([[0.75, 0.25, 1.  ,  nan],
           [0.  , 1.  , 1.  , 0.  ]])

    References
    ----------
    .. [1] J. G. Kemeny, J. L. Snell, "Finite Markov Chains" (1960), theorem 3.5.7: N_ok = f_ok N_kk.
    """
    if not 1e-14 <= tol <= 0.1:
        raise EcographError(f"tol={tol} isn't in [1e-14, 0.1].", hint="tol=1e-10")
    at = rows_of_many(eco, conductors, "conductors")
    of = np.arange(len(eco)) if candidates is None else rows_of_many(eco, candidates, "candidates")
    p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise, leak=leak)
    check_memory(8 * (at.size + 1) * (of.size + 1) * 2, "reach of so many pairs", "ask for fewer at a time")
    o, at_o = np.unique(at, return_inverse=True)
    k, of_k = np.unique(of, return_inverse=True)
    found = np.zeros((o.size, k.size))
    for start in range(0, o.size if k.size else 0, TOGETHER):
        some = slice(start, start + TOGETHER)
        found[some] = _Many(p, o[some], k, tol, device, progress).values()
    return found[at_o][:, of_k]


class _Many:
    """Conductors and candidates by row, each once and rising; ``root`` is the participant made up of all conductors."""

    def __init__(
        self, p: Dependence, o: NDArray[np.int64], k: NDArray[np.int64], tol: float, device: str, progress: Progress
    ) -> None:
        self.p, self.o, self.k, self.tol, self.progress = p, o, k, tol, progress
        root = np.array([p.ptr.size - 1])
        joined = _with_root(p, o)
        found = components(joined, root)
        self.on_gpu = chains.choose_device(device, joined, found.order, chains.BATCH).device == "gpu"
        self.graph = chains.compact(joined, found, on_gpu=self.on_gpu)
        self.node = self.graph.node[k]

    def values(self) -> NDArray[np.float64]:
        """(conductors, candidates)."""
        out = np.zeros((self.o.size, self.k.size))
        reached = self.node >= 0
        circular = np.zeros(self.k.size, np.bool_)
        circular[reached] = self.graph.circular[self.node[reached]]
        simple = reached & ~circular
        by_conductor = self.o.size <= np.unique(self.node[simple]).size
        if by_conductor:
            self._sum_from_conductors(out, simple)
        self._hit(out, reached & circular if by_conductor else reached)
        for q, o in enumerate(self.o):
            provider, share = self.p.row(int(o))  # a chain of one tie is a chain, so no reach is below direct
            mine = np.searchsorted(self.k, provider)
            there = mine < self.k.size
            there[there] = self.k[mine[there]] == provider[there]
            out[q] = np.clip(out[q], 0.0, 1.0)
            out[q, mine[there]] = np.maximum(out[q, mine[there]], share[there])
            out[q, self.k == o] = np.nan
        return out

    def _sum_from_conductors(self, out: NDArray[np.float64], simple: NDArray[np.bool_]) -> None:
        """Off the circles f_ok = N_ok: a lane for each conductor, of the graph that it reaches."""
        with track(self.progress, "conductors", self.o.size) as tick:
            for q, o in enumerate(self.o):
                graph = chains.compact(self.p, components(self.p, np.array([o])), on_gpu=self.on_gpu)
                visits = chains.visits(graph, self.tol / 2)
                node = graph.node[self.k]
                mine = simple & (node >= 0)
                out[q, mine] = visits.x[node[mine]]
                tick(q + 1)

    def _hit(self, out: NDArray[np.float64], which: NDArray[np.bool_]) -> None:
        """A lane for each candidate, or closed class of them, for all conductors."""
        nodes = np.unique(self.node[which]).astype(np.int32)
        if not nodes.size:
            return
        tol = self.tol / self.o.size
        at = self.graph.node[self.o].astype(np.intp)
        try:
            visits = chains.visits(self.graph, tol / 4, progress=self.progress)
            for start in range(0, nodes.size, chains.BATCH):
                some = nodes[start : start + chains.BATCH]
                h = chains.hitting_at(self.graph, visits, some, at, tol, self.progress)[0]
                mine = which & (self.node >= some[0]) & (self.node <= some[-1])
                out[:, mine] = h[:, np.searchsorted(some, self.node[mine])]
        except ConvergenceError as error:
            raise ConvergenceError(
                f"{error.message} That is for {self.o.size:,} conductors together, each of which has its part of "
                f"tol={self.tol:.1g}.",
                hint="ask for fewer conductors or a larger tol, or give the outside options (external_cost, leak=)",
            ) from None


def _with_root(p: Dependence, o: NDArray[np.int64]) -> Dependence:
    """One more participant, the last, who depends on the rows ``o`` in equal parts."""
    return replace(
        p,
        ptr=np.append(p.ptr, p.ptr[-1] + o.size),
        provider=np.append(p.provider, o.astype(np.int32)),
        given=np.append(p.value, np.full(o.size, 1.0 / o.size)),
        inflow=np.append(p.inflow, 1.0),
        leaks=np.append(p.leaks, np.uint8(0)),
        cost=np.append(p.cost, 0.0),
    )
