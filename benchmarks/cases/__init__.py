"""The benchmarks, one module each: ``rows(bench)`` yields rows of results."""

from __future__ import annotations

from benchmarks.cases import (
    betweenness,
    closures,
    intervals,
    iteration,
    lanes,
    large,
    pipeline,
    reduction,
    scaling,
    start,
    widths,
)

__all__ = ["CASES"]

CASES = {
    "start": start,
    "pipeline": pipeline,
    "reduction": reduction,
    "iteration": iteration,
    "lanes": lanes,
    "intervals": intervals,
    "widths": widths,
    "closures": closures,
    "betweenness": betweenness,
    "scaling": scaling,
    "large": large,
}
