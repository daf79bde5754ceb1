"""Who can be ranked: external resources of a conductor, and why there may be none."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ParticipantError
from ecograph.html import quoted
from ecograph.metrics.rooted import Upstream
from ecograph.suggest import offer

__all__ = ["attribute", "external_resources", "no_providers", "of_role"]


def no_providers(eco: Ecosystem, conductor: str, layer: str | None) -> ParticipantError:
    """The error for a conductor that gets nothing in this view, with what may be meant instead."""
    o, ties = eco.row_of(conductor), eco.ties
    into = np.flatnonzero(eco.active[eco.indptr[o] : eco.indptr[o + 1]]) + eco.indptr[o]
    where = [eco.relations[r] for r in np.unique(ties.relation[into])]
    what = f"in layer {layer!r}" if layer and where else "in this view"
    fault = f"{quoted([conductor])} has no providers {what}: no tie with a weight above 0 ends at it."
    if where:
        there = ", ".join(f"{quoted([it.name])} (layer {it.layer!r})" for it in where)
        return ParticipantError(fault, hint=f"it has providers by {there}: leave layer= out, or weigh that relation")
    provides = bool(eco.active[ties.provider == o].any())
    hint = "it only provides to others: is it the conductor, or are ties the wrong way round (provider -> receiver)?"
    return ParticipantError(fault, hint=hint if provides else "look at eco.tie_table(), or widen the window")


def external_resources(eco: Ecosystem, conductor: str, o: int, found: Upstream) -> NDArray[np.intp]:
    """Participants upstream of the conductor that it doesn't own, in canonical order."""
    upstream = found.reached
    upstream[o] = False
    reached = int(upstream.sum())
    if "owner" in eco.participants.columns:
        owned = (eco.participants["owner"] == conductor).fill_null(False)
        upstream &= ~owned.to_numpy()
    if not upstream.any():
        raise ParticipantError(
            f"{quoted([conductor])} owns all {reached:,} participants that it depends on: none is external.",
            hint="is the owner column right? It names the conductor that owns a participant; null = external",
        )
    return np.flatnonzero(upstream)


def of_role(eco: Ecosystem, external: NDArray[np.intp], role: str | None) -> NDArray[np.intp]:
    """Those of one role; None: all."""
    if role is None:
        return external
    roles = attribute(eco, "role", external)
    rows: NDArray[np.intp] = external[(roles == role).fill_null(False).to_numpy()]
    if not rows.size:
        raise ParticipantError(
            f"None of the {external.size:,} external resources has the role {quoted([role])}.",
            hint=offer(role, roles.drop_nulls().unique().sort(), "roles"),
        )
    return rows


def attribute(eco: Ecosystem, name: str, rows: NDArray[np.intp]) -> pl.Series:
    """A column of the participant table at some rows; null where there is no such column."""
    if name in eco.participants.columns:
        return eco.participants[name][rows]
    return pl.Series(name, [None], dtype=pl.String).new_from_index(0, rows.size)
