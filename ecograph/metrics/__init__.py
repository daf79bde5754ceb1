"""Metrics: one module a question, one name a metric."""

from __future__ import annotations

from ecograph.metrics.agreement import kendall_tau_b
from ecograph.metrics.concentration import gini, hhi
from ecograph.metrics.reliance import reliance

__all__ = ["gini", "hhi", "kendall_tau_b", "reliance"]
