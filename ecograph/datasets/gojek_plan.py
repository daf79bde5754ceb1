"""What the Gojek-like ecosystem is made of: published counts, stated assumptions, flows of value.

Counts are read from the committed ``case_facts``; what no page publishes (mean fares, who buys how
much from whom) is an assumption, written here once. Every event is a product of independent draws,
so that the expected value of each tie has a closed form and the reliance planted is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.datasets.gojek_facts import Counts

__all__ = ["CONDUCTOR", "DAYS", "FIRMS", "KITCHEN", "MONTHS", "REGIONS", "Firm", "Flow", "Pool", "flows", "people"]

CONDUCTOR = "gojek"
MONTHS, DAYS = 4, 122  # September to December 2020
REGIONS = {"Jabodetabek": 0.55, "Surabaya": 0.30, "Medan": 0.15}
KITCHEN = 1  # the second most popular merchant of each region is a kitchen that the platform owns

# Assumed means in rupiah, and assumed shares of rides, parcels and home services in what isn't food.
FARE = {"food": 12_000, "ride": 18_000, "parcel": 20_000, "home": 150_000}
NOT_FOOD = {"ride": 0.78, "parcel": 0.20, "home": 0.02}
BASKET = 60_000

# Assumed: what drivers and merchants pass on of what they earn, for what, in how many events a month.
DRIVER_COST, MERCHANT_COST = 0.55, 0.60
DRIVERS_BUY = {"fuel": (0.60, 15), "finance": (0.28, 4), "data": (0.12, 4)}
GROCERIES_A_MONTH = 30

# Assumed: whose share each kind of purchase is. Few suppliers carry many buyers, which is what makes
# the order by reach differ from the order by direct ties.
SELL = {
    "fuel": {"fuel-1": 0.75, "fuel-2": 0.25},
    "finance": {"finance-1": 0.92, "finance-2": 0.08},
    "data": {"telecom-1": 0.70, "telecom-2": 0.30},
    "groceries": {"wholesaler-1": 0.62, "wholesaler-2": 0.26, "wholesaler-3": 0.12},
    "technology": {"cloud-1": 0.45, "gopay": 0.25, "maps-1": 0.15, "recommender-1": 0.10, "tracker-1": 0.05},
}


@dataclass(frozen=True)
class Firm:
    """A supplier: its kind of contribution, its owner, its technology pillar, and from whom it buys."""

    group: str
    owner: str | None = None
    pillar: str | None = None
    buys: dict[str, float] = field(default_factory=dict)


FIRMS = {
    "refinery-1": Firm("refining"),
    "importer-1": Firm("refining"),
    "fuel-1": Firm("fuel retail", buys={"refinery-1": 0.90, "importer-1": 0.10}),
    "fuel-2": Firm("fuel retail", buys={"refinery-1": 0.70, "importer-1": 0.30}),
    "bank-1": Firm("funding"),
    "bank-2": Firm("funding"),
    "finance-1": Firm("vehicle finance", buys={"bank-1": 0.85, "bank-2": 0.15}),
    "finance-2": Firm("vehicle finance", buys={"bank-2": 1.00}),
    "mill-1": Firm("food processing"),
    "farm-1": Firm("farming"),
    "farm-2": Firm("farming"),
    "wholesaler-1": Firm("wholesale", buys={"mill-1": 0.52, "farm-1": 0.48}),
    "wholesaler-2": Firm("wholesale", buys={"mill-1": 0.55, "farm-2": 0.45}),
    "wholesaler-3": Firm("wholesale", buys={"farm-2": 1.00}),
    "tower-1": Firm("towers and fibre", pillar="broadband"),
    "power-1": Firm("electricity"),
    "telecom-1": Firm("mobile data", pillar="broadband", buys={"tower-1": 0.60, "cloud-1": 0.40}),
    "telecom-2": Firm("mobile data", pillar="broadband", buys={"tower-1": 1.00}),
    "cloud-1": Firm("cloud", pillar="cloud", buys={"telecom-1": 0.50, "power-1": 0.50}),
    "maps-1": Firm("maps", pillar="big data"),
    "recommender-1": Firm("recommendation", pillar="ai"),
    "tracker-1": Firm("vehicle tracking", pillar="iot"),
    "gopay": Firm("payment", owner=CONDUCTOR, pillar="super app"),
}


@dataclass(frozen=True)
class Pool:
    """Who can play a part: firms by name, or the people of one role and region by number; chances sum to 1."""

    name: str
    members: tuple[int, ...] | tuple[str, ...]
    chance: NDArray[np.float64]


class Flow(NamedTuple):
    """Events of one kind: who may take part in which column, the mean of each amount, how many events."""

    kind: str
    parties: dict[str, Pool]
    means: dict[str, float]
    events: int
    step: int = 100  # amounts are whole multiples of so many rupiah


def people(counts: Counts, scale: float) -> dict[str, dict[str, list[int]]]:
    """Numbers of the drivers, merchants, workers and customers of each region, most active first.

    Numbers start at 1 in each role: driver 12 and customer 12 are two participants.
    """
    sizes = {
        "driver": counts.drivers,
        "merchant": counts.merchants,
        "worker": counts.merchants * counts.workers_per_merchant,
        "customer": counts.customers,
    }
    return {role: _by_region(max(2 * len(REGIONS), round(size * scale))) for role, size in sizes.items()}


def flows(counts: Counts, scale: float) -> list[Flow]:
    """All flows of value at that fraction of the published ecosystem."""
    members = people(counts, scale)
    found = []
    for region, share in REGIONS.items():
        pools = {
            role: _zipf(f"{role}@{region}", numbers[region], root=1 if role == "merchant" else 2)
            for role, numbers in members.items()
        }
        orders = _orders(pools, counts, MONTHS * scale * share)
        found += orders + _inputs(pools, orders, counts.fuel_price)
    return [*found, _technology(found, counts.revenue_share), *_deliveries_to_firms()]


def _orders(pools: dict[str, Pool], counts: Counts, share: float) -> list[Flow]:
    food = counts.food_orders_a_month * share
    other = counts.transactions_a_month * share - food
    driver, customer = {"driver": pools["driver"]}, {"customer": pools["customer"]}
    parts = {"ride": driver, "parcel": driver, "home": {"worker": pools["worker"]}}
    meals = Flow(
        "food",
        {"merchant": pools["merchant"]} | driver | customer,
        {"basket": BASKET, "fare": FARE["food"]},
        max(1, round(food)),
    )
    return [meals] + [
        Flow(kind, parts[kind] | customer, {"fare": FARE[kind]}, max(1, round(fraction * other)))
        for kind, fraction in NOT_FOOD.items()
    ]


def _inputs(pools: dict[str, Pool], orders: list[Flow], fuel_price: float) -> list[Flow]:
    """What drivers and merchants buy, each in proportion to what it earns."""
    fares = sum(flow.events * flow.means["fare"] for flow in orders if "driver" in flow.parties)
    baskets = sum(flow.events * flow.means.get("basket", 0) for flow in orders)
    bought = [("driver", kind, DRIVER_COST * share * fares, often) for kind, (share, often) in DRIVERS_BUY.items()]
    bought += [("merchant", "groceries", MERCHANT_COST * baskets, GROCERIES_A_MONTH)]
    found = []
    for role, kind, total, often in bought:
        events = often * MONTHS * len(pools[role].members)
        step = round(fuel_price / 10) if kind == "fuel" else 100  # tenths of a litre
        parties = {"supplier": _shares(SELL[kind]), role: pools[role]}
        found.append(Flow(kind, parties, {"price": total / events}, events, step))
    return found


def _technology(found: list[Flow], revenue_share: float) -> Flow:
    """Five bills a day to the platform, for what it keeps of its turnover: gross revenue / GTV."""
    turnover = sum(flow.events * sum(flow.means.values()) for flow in found if "customer" in flow.parties)
    events = 5 * DAYS
    price = revenue_share * turnover / events
    return Flow("technology", {"supplier": _shares(SELL["technology"])}, {"price": price}, events)


def _deliveries_to_firms() -> list[Flow]:
    """Three deliveries a day to each firm; what counts is whose share they are, not how large."""
    return [
        Flow("wholesale", {"supplier": _shares(firm.buys), "buyer": _shares({name: 1.0})}, {"price": 5e6}, 3 * DAYS)
        for name, firm in FIRMS.items()
        if firm.buys
    ]


def _by_region(size: int) -> dict[str, list[int]]:
    """Numbers 1 to ``size`` dealt out to the regions in proportion, at least two each."""
    least = 2 * np.arange(1, len(REGIONS) + 1)
    edges = [0, *(np.rint(np.cumsum(list(REGIONS.values())) * (size - least[-1])).astype(np.int64) + least).tolist()]
    return {region: list(range(edges[r] + 1, edges[r + 1] + 1)) for r, region in enumerate(REGIONS)}


def _zipf(name: str, members: list[int], *, root: int) -> Pool:
    """Chances falling as 1/k (root 1) or 1/sqrt(k) (root 2): no power function, so the same bits everywhere."""
    rank = np.arange(1, len(members) + 1, dtype=np.float64)
    weight = 1 / rank if root == 1 else 1 / np.sqrt(rank)
    return Pool(name, tuple(members), weight / np.cumsum(weight)[-1])


def _shares(shares: dict[str, float]) -> Pool:
    return Pool("firms", tuple(shares), np.array(list(shares.values())))
