"""The benchmarks, one module each: ``rows(bench)`` yields rows of results."""

from __future__ import annotations

from benchmarks.cases import betweenness, closures, intervals, iteration, large, pipeline, reduction, scaling, start

__all__ = ["CASES"]

CASES = {
    "start": start,
    "pipeline": pipeline,
    "reduction": reduction,
    "iteration": iteration,
    "intervals": intervals,
    "closures": closures,
    "betweenness": betweenness,
    "scaling": scaling,
    "large": large,
}
