"""Metrics: one module a question, one name a metric."""

from __future__ import annotations

from ecograph.metrics.agreement import kendall_tau_b
from ecograph.metrics.betweenness_sampled import sampled_betweenness
from ecograph.metrics.brokerage import brokerage
from ecograph.metrics.captive import captive
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
from ecograph.metrics.overlap import rbo
from ecograph.metrics.partial_order import expected_ranks
from ecograph.metrics.paths import betweenness_centrality, closeness_centrality, harmonic_centrality
from ecograph.metrics.reach import reach
from ecograph.metrics.reliance import reliance
from ecograph.metrics.stability import cs_coefficient
from ecograph.metrics.substitutability import substitutability

__all__ = [
    "betweenness_centrality",
    "brokerage",
    "captive",
    "cascade_attribution",
    "cascade_loss",
    "cascade_state",
    "closeness_centrality",
    "core_number",
    "cs_coefficient",
    "counterfactual_visits",
    "degree_centrality",
    "eigenvector_centrality",
    "eps_sensitivity",
    "esri",
    "expected_ranks",
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
    "rbo",
    "reach",
    "reliance",
    "sampled_betweenness",
    "substitutability",
]
