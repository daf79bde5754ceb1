"""Shocks, as people say them and as kernels take them; and the run of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu import cascade as kernels
from ecograph.device import Choice, choose, guarded
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError
from ecograph.gpu import cascade as gpu
from ecograph.gpu.chains import FEWEST
from ecograph.metrics.cascade_network import Built
from ecograph.progress import Progress, track

__all__ = ["PUBLISHED_EPS", "PUBLISHED_LIMIT", "Closure", "Lost", "Shocks", "cascades", "check_rule", "lost_by",
           "name_of", "pack", "rule_of", "where"]  # fmt: skip

Closure: TypeAlias = str | Sequence[str] | Mapping[str, float] | NDArray[np.float64]
PUBLISHED_EPS = 1e-2
LIMIT = 100_000  # rounds
PUBLISHED_LIMIT = 1_000  # with the floor, capacities can rise and fall for ever
CHUNK = 2048  # shocks between two ticks of progress


def check_rule(substitution: str, tol: float) -> None:
    """Refuse what no cascade can be run by."""
    if substitution not in ("market", "off"):
        raise EcographError(f"substitution={substitution!r} is unknown.", hint='substitution="market" or "off"')
    if not 1e-15 <= tol <= 0.1:
        raise EcographError(f"tol={tol} isn't in [1e-15, 0.1].", hint="tol=1e-8")


def rule_of(substitution: str, reference: bool, tol: float) -> kernels.Rule:
    """The rule as the kernels take it."""
    if reference:
        return kernels.Rule(substitution == "market", True, PUBLISHED_EPS, PUBLISHED_LIMIT)
    return kernels.Rule(substitution == "market", False, float(tol), LIMIT)


@dataclass(frozen=True, eq=False)
class Shocks:
    """Shock l leaves ``psi`` of the capacities of ``row``, entries ``ptr[l]`` to ``ptr[l + 1]``."""

    ptr: NDArray[np.int64]
    row: NDArray[np.int32]
    psi: NDArray[np.float64]


Lost: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]


def lost_by(eco: Ecosystem, closure: Closure) -> Lost:
    """Rows and what they keep."""
    if isinstance(closure, np.ndarray):
        if closure.shape != (len(eco),):
            raise EcographError(
                f"A shock has the shape {closure.shape}.", hint=f"({len(eco)},), in the order of eco.ids"
            )
        kept, rows = np.asarray(closure, np.float64), np.arange(len(eco))
    elif isinstance(closure, Mapping):
        kept, rows = 1.0 - np.array(list(closure.values()), np.float64), eco.rows_of(list(closure))
    else:
        ids = [closure] if isinstance(closure, str) else list(dict.fromkeys(closure))
        kept, rows = np.zeros(len(ids)), eco.rows_of(ids)
    if not ((kept >= 0.0) & (kept <= 1.0)).all():
        raise EcographError(f"The shock {closure!r} isn't made of shares in [0, 1].", hint='{"id": 0.3}: loses 30 %')
    return rows[kept < 1.0], kept[kept < 1.0]


def pack(lost: Sequence[Lost]) -> Shocks:
    """One shock for each."""
    ptr = np.concatenate([[0], np.cumsum([rows.size for rows, _ in lost], dtype=np.int64)])
    row = np.concatenate([np.empty(0, np.int32), *(rows.astype(np.int32) for rows, _ in lost)])
    return Shocks(ptr, row.astype(np.int32), np.concatenate([np.empty(0), *(kept for _, kept in lost)]))


def name_of(eco: Ecosystem, rows: NDArray[np.int64], kept: NDArray[np.float64]) -> str:
    """In words: ``a + b (0.3) + 7 more``."""
    some = [id if keep == 0.0 else f"{id} ({1.0 - keep:g})" for id, keep in zip(eco.ids[rows[:5]], kept, strict=False)]
    return " + ".join(some) + (f" + {rows.size - 5:,} more" if rows.size > 5 else "")


def where(device: str, built: Built, shocks: Shocks, what: str) -> tuple[Choice, gpu.Held | None]:
    """The device for these shocks, and why; the network on it, copied once, or None for the CPU."""
    network = built.network
    passed = (network.down.column.size + network.up.column.size) * (shocks.ptr.size - 1)
    chosen = choose(device, gpu.bytes_needed(network, shocks.row.size, FEWEST), passed, what=what)
    if chosen.device == "cpu":
        return chosen, None
    with guarded("cascades"):
        return chosen, gpu.to_device(network, shocks.row.size)


def cascades(
    built: Built,
    rule: kernels.Rule,
    shocks: Shocks,
    weight: NDArray[np.float64],
    progress: Progress,
    *,
    bounds: bool = True,
    held: gpu.Held | None = None,
) -> dict[str, pl.Series]:
    """Run the shocks; columns total, down and up (weighted losses), iterations, residual, error_bound.

    ``held``: the network on the device, which runs them then.
    """
    lanes, bounds = shocks.ptr.size - 1, bounds and not rule.published
    score, run = np.empty((lanes, 3)), np.empty((lanes, 3))
    with track(progress, "cascades", lanes) as tick:
        for first in range(0, lanes, CHUNK):
            part = slice(first, min(first + CHUNK, lanes))
            ptr = shocks.ptr[first : part.stop + 1]
            given = rule, ptr, shocks.row, shocks.psi, weight, bounds
            if held is None:
                score[part], run[part] = kernels.run_lanes(built.network, *given)
            else:
                with guarded("cascades"):
                    score[part], run[part] = gpu.run_lanes(held, *given)
            tick(part.stop)
    if not rule.published and (run[:, 1] > rule.stop).any():
        raise ConvergenceError(
            f"{(run[:, 1] > rule.stop).sum():,} of {lanes:,} cascades still changed by up to {run[:, 1].max():.1g} "
            f"after {rule.limit:,} rounds.",
            hint="ask for a larger tol, or give external_cost and external_demand: little leaks out of some class",
        )
    losses = dict(zip(("total", "down", "up"), map(pl.Series, np.minimum(score, 1.0).T.copy()), strict=True))
    return {
        **losses,
        "iterations": pl.Series(run[:, 0].astype(np.int64)),
        "residual": pl.Series(run[:, 1].copy()),
        "error_bound": pl.Series(run[:, 2].copy()).fill_nan(None),
    }
