"""Metrics: one module a question, one name a metric."""

from __future__ import annotations

from ecograph.metrics.agreement import kendall_tau_b
from ecograph.metrics.cascade import cascade_loss, eps_sensitivity, esri
from ecograph.metrics.cascade_state import cascade_attribution, cascade_state
from ecograph.metrics.centrality import eigenvector_centrality, hits, katz_centrality, pagerank
from ecograph.metrics.concentration import gini, hhi
from ecograph.metrics.degrees import (
    core_number,
    degree_centrality,
    in_degree_centrality,
    in_strength,
    out_degree_centrality,
    out_strength,
)
from ecograph.metrics.linear import counterfactual_visits, esri_linear, hypothetical_extraction, leontief_totals
from ecograph.metrics.paths import betweenness_centrality, closeness_centrality, harmonic_centrality
from ecograph.metrics.reliance import reliance

__all__ = [
    "betweenness_centrality",
    "cascade_attribution",
    "cascade_loss",
    "cascade_state",
    "closeness_centrality",
    "core_number",
    "counterfactual_visits",
    "degree_centrality",
    "eigenvector_centrality",
    "eps_sensitivity",
    "esri",
    "esri_linear",
    "gini",
    "harmonic_centrality",
    "hhi",
    "hits",
    "hypothetical_extraction",
    "in_degree_centrality",
    "in_strength",
    "katz_centrality",
    "kendall_tau_b",
    "leontief_totals",
    "out_degree_centrality",
    "out_strength",
    "pagerank",
    "reliance",
]
