"""Rooted reliance in many ecosystems drawn anew, eight side by side: what each needs once is done once.

A weight drawn anew is above 0 where it was, so that all replicates share one graph: its components, its order, the
transposed rows. Only ties into receivers that chains from the conductor come to are drawn. Where clusters keep refunds
apart from what was bought a tie may vanish: of that graph it then carries 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from ecograph.clusters import pooled_rows
from ecograph.cpu import replicates as kernels
from ecograph.cpu.chains import stretch_block
from ecograph.cpu.lines import zeros
from ecograph.cpu.threads import over_blocks
from ecograph.device import check_memory, guarded
from ecograph.gpu import replicates as gpu
from ecograph.gpu._module import in_chunks
from ecograph.gpu.chains import FEWEST
from ecograph.metrics import chains
from ecograph.metrics.resample import cluster_laws, gamma_laws, may_vanish
from ecograph.progress import track

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.metrics.question import Question

__all__ = ["drawn_on_device", "parts_of", "rooted_replicates", "within"]

_LANES = kernels.TOGETHER
F8Array = NDArray[np.float64]


def rooted_replicates(
    ask: Question, rows: NDArray[np.intp], replicates: int, seed: int
) -> tuple[F8Array, list[tuple[int, str]]]:
    """``replicate_values`` of ``rooted`` at ``rows``; with clusters on a device only, where ``drawn_on_device``.

    Returns (replicates, rows) and the replicates that didn't converge with what they said; their row is NaN. Each is
    what ``redraw`` and a solve of its own give within ``ask.tol``. O(replicates * (draws + sweeps * arrows)) time, 64
    bytes an arrow and 192 a participant reached for each thread; on a device 256 and 1,100, 32 replicates at a time.
    """
    many = _Many(ask, rows, seed)
    out = np.full((replicates, rows.size), np.nan)
    failed: list[tuple[int, str]] = []
    if ask.on_gpu:
        many.solve_on_device(out, failed)
        return out, sorted(failed)
    with track(ask.progress, "replicates", replicates) as tick:
        for begin in range(0, replicates, _STRIDE):
            blocks = -(-min(_STRIDE, replicates - begin) // _LANES)
            over_blocks(many.solve, blocks, blocks * _LANES * many.arrows * 10, begin, out, failed)
            tick(min(begin + _STRIDE, replicates))
    return out, sorted(failed)


_STRIDE = 64  # replicates between two words on progress


def drawn_on_device(eco: Ecosystem, lens: str = "rooted") -> bool:
    """Can a device draw replicates of this lens? Reach needs all to share one graph, rooted that a tie is left in each.

    Without refunds in clusters of their own that is so. O(ties).
    """
    vanishing = may_vanish(eco)
    return not vanishing.any() if lens == "reach" else not vanishing.all()


def parts_of(eco: Ecosystem) -> gpu.Parts | None:
    """What clusters cut ties into, with the laws of draws."""
    if eco.ties.cluster is None:
        return None
    size = np.bincount(pooled_rows(eco.ties), minlength=len(eco.pooled.ties))
    return gpu.Parts(np.append(0, np.cumsum(size)), eco.ties.weight, *cluster_laws(eco))


class _Many:
    """The graph and the ties that make it, for blocks of replicates."""

    def __init__(self, ask: Question, rows: NDArray[np.intp], seed: int) -> None:
        p, eco, found = ask.p, ask.eco.pooled, ask.found
        self.ask, self.eco, self.seed = ask, eco, seed
        numbered = replace(p, given=np.arange(p.provider.size, dtype=np.float64))
        graph = chains.compact(numbered, found, lump=False)
        self.ptr, self.column, number = graph.back
        self.arrows, self.n = number.size, graph.n
        if not ask.on_gpu:
            each = 64 * self.arrows + 192 * self.n
            hint = 'ask for intervals="delta", or look at a smaller view'
            check_memory(numba.get_num_threads() * each, "eight replicates a thread", hint)
        place = np.empty(p.provider.size, np.int64)
        place[number.astype(np.int64)] = np.arange(self.arrows)
        self.rows = np.sort(found.order)
        self.place = place[within(p.ptr, self.rows)]
        self.shape, self.key = np.zeros(0), np.zeros(0, np.uint64)
        if (parts := parts_of(ask.eco)) is None:
            ties = within(eco.indptr, self.rows)
            shape, key = gamma_laws(eco)
            self.shape, self.key = shape[ties], key[ties]
        self.parts = parts
        self.at = (graph.n - 1 - graph.node[rows]).astype(np.intp)

    def solve(self, block: int, begin: int, out: F8Array, failed: list[tuple[int, str]]) -> None:
        """Eight replicates; the last block may draw more of them than there is room for."""
        ask, first = self.ask, begin + block * _LANES
        p = zeros(_LANES * self.arrows)
        ties = self.eco.ties
        kernels.draw_shares(
            np.uint64(self.seed), first, self.rows, self.eco.indptr, ties.provider, ties.relation, ties.weight,
            ask.p.factor, self.shape, self.key, self.place, ask.p.cost, ask.p.keep, 1.0 - ask.restart, p,
        )  # fmt: skip
        goal = ask.tol / 2
        h, left, plus, minus = self._sum(p, goal)
        self._take(first, h.reshape(-1, _LANES)[self.at], left, plus, minus, out, failed)

    def solve_on_device(self, out: F8Array, failed: list[tuple[int, str]]) -> None:
        """All replicates, 32 side by side, or fewer where memory is short."""
        ask, ties = self.ask, self.eco.ties
        with track(ask.progress, "replicates", len(out)) as tick, guarded("the replicates"):
            drawn = gpu.ties_to_device(
                gpu.ties_of(
                    self.rows, self.eco.indptr, ties.provider, ties.relation, ties.weight, ask.p.factor, self.shape,
                    self.key, self.place, ask.p.cost, self.parts,
                ),
                self.ptr, self.column, self.at,
            )  # fmt: skip

            def run(first: int, last: int, lanes: int) -> None:
                rows = gpu.draw_shares(drawn, self.seed, first, ask.p.keep, 1.0 - ask.restart, lanes)
                found = gpu.rooted_lanes(rows, drawn.at, 0, ask.tol / 2, chains.MOST_STEPS, lanes)
                self._take(first, *found, out, failed)
                tick(last)

            in_chunks(
                0, len(out), run, least=FEWEST, what="Replicates", needs=lambda lanes: gpu.run_bytes(drawn, lanes)
            )

    def _take(
        self, first: int, x: F8Array, left: F8Array, plus: F8Array, minus: F8Array, out: F8Array,
        failed: list[tuple[int, str]],
    ) -> None:  # fmt: skip
        """Lanes of x as values of the replicates from ``first`` on, but of those that aren't known well enough."""
        ask, goal = self.ask, self.ask.tol / 2
        mine = slice(first, min(first + x.shape[1], len(out)))
        out[mine] = np.maximum(ask.restart * x.T - minus[:, None], 0.0)[: mine.stop - first]  # as lenses.Rooted
        for k in range(mine.stop - first):
            if (error := max(left[k], (plus[k] + minus[k]) / 2)) > goal:
                out[first + k] = np.nan
                failed.append((first + k, f"Rooted is known to {2 * error:.1g} only, not to tol={ask.tol:.1g}."))

    def _sum(self, p: F8Array, goal: float) -> tuple[F8Array, F8Array, F8Array, F8Array]:
        """H = sum of all chains from the conductor, which is row 0, and what is left of the chain mass."""
        h, d, ones = zeros(_LANES * self.n), zeros(_LANES * self.n), np.ones(self.n)
        h[:_LANES] = d[:_LANES] = 1.0
        mass, sweep = np.ones(_LANES), 0
        while mass.max() > goal and sweep < chains.MOST:
            sweep += 1
            before = d.copy() if sweep % chains.STRETCH == 0 else None
            kernels.sweep_replicates(self.ptr, self.column, p, int(sweep == 1), d, h, mass)
            if before is not None:
                square = (each.reshape(-1, _LANES) for each in (d, h))
                stretch_block(0, before.reshape(-1, _LANES), ones, *square, mass)
        plus, minus = np.zeros(_LANES), np.zeros(_LANES)
        kernels.residual_replicates(self.ptr, self.column, p, h, plus, minus)
        return h, mass, plus, minus


def within(ptr: NDArray[np.int64], rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Entries of some rows, one row after another."""
    size = ptr[rows + 1] - ptr[rows]
    starts = np.cumsum(size) - size
    return np.asarray(np.arange(int(size.sum())) + np.repeat(ptr[rows] - starts, size))
