"""The network that a loss cascades over: shares of inputs by class, shares of outputs, markets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu import cascade as kernels
from ecograph.cpu.csr import by_provider
from ecograph.cpu.operator import share_rows
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, UnitError
from ecograph.html import quoted
from ecograph.metrics.components import components
from ecograph.metrics.operator import Dependence, arrows
from ecograph.suggest import offer

__all__ = ["Built", "Essentiality", "build", "group_codes", "text_column"]

Essentiality = Mapping[tuple[str, str], int]
LINEAR, ESSENTIAL = 1, 2


@dataclass(frozen=True, eq=False)
class Built:
    """The network as the kernels take it, and what the notes need."""

    network: kernels.Network
    closed: NDArray[np.bool_]  # in a class that sells to itself only
    sells: Dependence  # Lu by rows: whom each one's sales depend on
    demand: NDArray[np.float64]  # sold outside the data
    relations: tuple[str, ...]

    @property
    def out(self) -> NDArray[np.float64]:
        """What each one sells in the data."""
        return self.sells.inflow

    @property
    def revenue(self) -> NDArray[np.float64]:
        """What each one puts out: out_i + external_demand_i."""
        total: NDArray[np.float64] = self.out + self.demand
        return total


def build(
    eco: Ecosystem,
    essentiality: Essentiality | None,
    layer: str | None,
    relation_weights: Mapping[str, float] | None,
    normalise: str | None,
    leak: float = 0.0,
) -> Built:
    """Merge the ties, class them, and divide. O(ties log ties) with essential inputs, else O(ties).

    ``leak``: share in [0, 1) of every input that comes from outside the data besides, and is never lost.
    """
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    n = len(eco)
    groups = group_codes(text_column(eco, "group"))
    receiver = np.repeat(np.arange(n, dtype=np.int32), np.diff(found.ptr))
    kind = _kinds(eco, groups, found.provider, receiver, essentiality)
    run = np.where(kind == ESSENTIAL, groups[found.provider], -1).astype(np.int32)
    order = np.lexsort((found.provider, run, receiver)) if (run >= 0).any() else slice(None)
    provider, amount, run = found.provider[order], found.amount[order], np.ascontiguousarray(run[order])
    _, down = share_rows(found.ptr, amount, _outside(eco, "external_cost", np.diff(found.ptr) > 0, normalise), 1.0)
    kernels.essential_shares(found.ptr, amount, run, down)
    down[kind[order] == 0] = 0.0
    down *= 1.0 - leak
    out_ptr, rows = by_provider(provider, n)
    demand = _outside(eco, "external_demand", np.diff(out_ptr) > 0, normalise)
    out, up = share_rows(out_ptr, amount[rows], demand, 1.0)
    buyer = receiver[rows]
    market = group_codes(pl.select(pl.coalesce(text_column(eco, "market"), text_column(eco, "group"))).to_series())
    seat = kernels.seats(market)
    network = kernels.Network(
        kernels.channel(seat, found.ptr, provider, down, run),
        kernels.channel(seat, out_ptr, buyer, up),
        kernels.markets(seat, out, market),
        seat,
    )
    for array in (*network.down, *network.up, *network.markets, seat):
        array.setflags(write=False)
    leaks = (demand > 0).astype(np.uint8)
    sells = Dependence(out_ptr, buyer, up, out, leaks, found.relations, demand, 1.0, found.factor)
    classes = components(sells, np.arange(n))
    return Built(network, classes.closed[classes.component], sells, demand, found.relations)


def text_column(eco: Ecosystem, name: str) -> pl.Series:
    """A column of the participants; null for all where there is none."""
    if name in eco.participants.columns:
        return eco.participants[name]
    return pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(eco))


def group_codes(names: pl.Series) -> NDArray[np.int32]:
    """A number for each name, and one of its own for each null."""
    levels = names.drop_nulls().unique().sort()
    codes = names.cast(pl.Enum(levels)).to_physical().cast(pl.Int32)
    own = levels.len() + names.is_null().cast(pl.Int32).cum_sum() - 1
    return np.ascontiguousarray(codes.fill_null(own).to_numpy(), np.int32)


def _kinds(
    eco: Ecosystem,
    groups: NDArray[np.int32],
    provider: NDArray[np.int32],
    receiver: NDArray[np.int32],
    essentiality: Essentiality | None,
) -> NDArray[np.int8]:
    """Class of each arrow: 0 negligible, 1 linear, 2 essential."""
    kind = np.full(provider.size, LINEAR, np.int8)
    if not essentiality:
        return kind
    if wrong := [pair for pair, value in essentiality.items() if value not in (0, LINEAR, ESSENTIAL)]:
        raise EcographError(
            f"essentiality of {wrong[0]} is {essentiality[wrong[0]]!r}.", hint="0 negligible, 1 linear, 2 essential"
        )
    group = text_column(eco, "group")
    named = dict(zip(eco.ids.filter(group.is_null()), groups[group.is_null().to_numpy()].tolist(), strict=True))
    named |= dict(zip(group.drop_nulls(), groups[group.is_not_null().to_numpy()].tolist(), strict=True))
    if strange := [name for pair in essentiality for name in pair if name not in named]:
        hint = offer(strange[0], pl.Series(list(named), dtype=pl.String), "groups (a null group goes by the id)")
        raise EcographError(f"essentiality names {quoted(strange)}, no group of a participant.", hint=hint)
    size = int(groups.max()) + 1
    pairs = sorted((named[seller] * size + named[buyer], value) for (seller, buyer), value in essentiality.items())
    keys, values = np.array([key for key, _ in pairs]), np.array([value for _, value in pairs], np.int8)
    asked = groups[provider].astype(np.int64) * size + groups[receiver]
    at = np.minimum(np.searchsorted(keys, asked), keys.size - 1)
    return np.where(keys[at] == asked, values[at], kind)


def _outside(eco: Ecosystem, name: str, used: NDArray[np.bool_], normalise: str | None) -> NDArray[np.float64]:
    """Amounts bought or sold outside the data; null = 0."""
    if name not in eco.participants.columns:
        return np.zeros(len(eco))
    given = eco.participants[name].cast(pl.Float64).fill_null(0.0).to_numpy()
    if normalise and (given[used] > 0).any():
        raise UnitError(
            f'{name} is an amount, and normalise="relation" turns amounts into shares of totals.',
            hint=f"use relation_weights= ({name} is then in the unit they lead to)",
        )
    return np.ascontiguousarray(given, np.float64)
