"""What the Gojek-like ecosystem is made of: published counts, stated assumptions, flows of value.

Counts (drivers, merchants, customers, transactions, food orders, the share of gross revenue in GTV,
the price of fuel) are read from the committed ``case_facts``; what no page publishes (mean fares,
who buys how much from whom) is an assumption written here once. Everything below is a product of
independent draws, so that the expected value of each tie has a closed form and the reliance that was
planted is known exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.datasets import registry
from ecograph.errors import EcographError

__all__ = ["CONDUCTOR", "FIRMS", "REGIONS", "Counts", "Firm", "Flow", "Pool", "flows", "people", "published"]

CONDUCTOR = "gojek"
MONTHS = 4
DAYS = 122  # September to December 2020
REGIONS = {"Jabodetabek": 0.55, "Surabaya": 0.30, "Medan": 0.15}

# Assumed means, in rupiah.
FARE = {"ride": 18_000, "parcel": 20_000, "food": 12_000, "home": 150_000}
BASKET = 60_000
# Assumed shares of what an order brings that goes on to the suppliers of drivers and merchants.
DRIVER_COST, MERCHANT_COST = 0.55, 0.60


class Counts(NamedTuple):
    """Published counts of the whole ecosystem, and ratios made of them."""

    drivers: float
    merchants: float
    customers: float
    workers_per_merchant: float
    transactions_a_month: float
    food_orders_a_month: float
    revenue_share: float
    fuel_price: float


class Firm(NamedTuple):
    """A supplier: its kind of contribution, the conductor that owns it, its technology pillar, whom it buys from."""

    group: str
    owner: str | None = None
    pillar: str | None = None
    buys: dict[str, float] = {}  # noqa: RUF012  (a constant: nobody writes to it)


# Few suppliers carry many: that is what makes an order by reach differ from the order by direct ties.
FIRMS = {
    "refinery-1": Firm("crude and fuel"),
    "importer-1": Firm("crude and fuel"),
    "fuel-1": Firm("fuel retail", buys={"refinery-1": 0.90, "importer-1": 0.10}),
    "fuel-2": Firm("fuel retail", buys={"refinery-1": 0.70, "importer-1": 0.30}),
    "bank-1": Firm("funding"),
    "bank-2": Firm("funding"),
    "finance-1": Firm("vehicle finance", buys={"bank-1": 0.70, "bank-2": 0.30}),
    "finance-2": Firm("vehicle finance", buys={"bank-2": 1.00}),
    "mill-1": Firm("food processing"),
    "farm-1": Firm("farming"),
    "farm-2": Firm("farming"),
    "wholesaler-1": Firm("wholesale", buys={"mill-1": 0.55, "farm-1": 0.45}),
    "wholesaler-2": Firm("wholesale", buys={"mill-1": 0.40, "farm-2": 0.60}),
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

# Who serves whom: kind of purchase -> supplier -> share.
DRIVERS_BUY = {"fuel": 0.60, "finance": 0.28, "data": 0.12}
SERVE = {
    "fuel": {"fuel-1": 0.70, "fuel-2": 0.30},
    "finance": {"finance-1": 0.90, "finance-2": 0.10},
    "data": {"telecom-1": 0.70, "telecom-2": 0.30},
    "groceries": {"wholesaler-1": 0.50, "wholesaler-2": 0.30, "wholesaler-3": 0.20},
    "technology": {"cloud-1": 0.45, "gopay": 0.25, "maps-1": 0.15, "recommender-1": 0.10, "tracker-1": 0.05},
}


@dataclass(frozen=True)
class Pool:
    """Members that can play one part, by number or by name, and the chance of each (they sum to 1)."""

    members: tuple[int, ...] | tuple[str, ...]
    chance: NDArray[np.float64]


class Flow(NamedTuple):
    """Events of one kind: who may take part in which column, the mean of each amount, and how many events."""

    kind: str
    parties: dict[str, Pool]
    means: dict[str, float]
    events: int
    step: int = 100  # amounts are whole multiples of so many rupiah


def published() -> Counts:
    """The published counts, read from ``case_facts``.

    Examples
    --------
    >>> published().drivers, published().fuel_price
    (2000000.0, 6450.0)
    """
    merchants_then = _fact("gojek", "food merchants", "2016-06-30")
    revenue = re.search(r"gross revenue ([\d.]+) tn", _note("goto", "GTV", "2022-Q2"))
    if revenue is None:
        raise EcographError("case_facts no longer states GoTo's gross revenue of 2022-Q2 beside its GTV.")
    return Counts(
        drivers=_fact("gojek", "drivers", "2020-11"),
        merchants=_fact("gojek", "merchants", "2020-11"),
        customers=_fact("goto", "monthly active users", "2020-12"),
        workers_per_merchant=_fact("gojek", "service providers", "2016-06-30") / merchants_then,
        transactions_a_month=_fact("goto", "transactions", "2020") / 12,
        food_orders_a_month=_fact("gojek", "GoFood completed orders a month", "2019-12"),
        revenue_share=float(revenue[1]) / _fact("goto", "GTV", "2022-Q2"),
        fuel_price=_fact("bbm", "price after", "2017-"),
    )


def people(scale: float) -> dict[str, dict[str, list[int]]]:
    """Numbers of the drivers, merchants, workers and customers of each region, most active first.

    Numbers start at 1 in each role: driver 12 and customer 12 are two participants.
    """
    counts = published()
    sizes = {
        "driver": counts.drivers * scale,
        "merchant": counts.merchants * scale,
        "worker": counts.merchants * counts.workers_per_merchant * scale,
        "customer": counts.customers * scale,
    }
    return {role: _by_region(max(len(REGIONS), round(size))) for role, size in sizes.items()}


def flows(scale: float) -> list[Flow]:
    """All flows of value at that fraction of the published ecosystem."""
    members, counts = people(scale), published()
    orders = [flow for region in REGIONS for flow in _orders(region, members, counts, scale)]
    upstream = [flow for region in REGIONS for flow in _inputs(region, members, orders, counts)]
    return orders + upstream + _bought_by_platform(orders, counts) + _bought_by_firms()


def _orders(region: str, members: dict[str, dict[str, list[int]]], counts: Counts, scale: float) -> list[Flow]:
    share = REGIONS[region] * MONTHS * scale
    food = counts.food_orders_a_month * share
    other = counts.transactions_a_month * share - food
    driver, customer = _zipf(members["driver"][region], 2), _zipf(members["customer"][region], 2)
    merchant, worker = _zipf(members["merchant"][region], 1), _zipf(members["worker"][region], 1)
    by_driver = {"driver": driver, "customer": customer}
    return [
        Flow("food", {"merchant": merchant} | by_driver, {"basket": BASKET, "fare": FARE["food"]}, round(food)),
        Flow("ride", by_driver, {"fare": FARE["ride"]}, round(0.78 * other)),
        Flow("parcel", by_driver, {"fare": FARE["parcel"]}, round(0.20 * other)),
        Flow("home", {"worker": worker, "customer": customer}, {"fare": FARE["home"]}, round(0.02 * other)),
    ]


def _inputs(
    region: str, members: dict[str, dict[str, list[int]]], orders: list[Flow], counts: Counts
) -> list[Flow]:
    """What the region's drivers and merchants buy, in proportion to what they earn."""
    drivers, merchants = members["driver"][region], members["merchant"][region]
    earned = {"driver": 0.0, "merchant": 0.0}
    for flow in orders:
        for role, amount in (("driver", "fare"), ("merchant", "basket")):
            if role in flow.parties and flow.parties[role].members[0] == members[role][region][0]:
                earned[role] += flow.events * flow.means[amount]
    found = []
    for kind, share, often in (("fuel", 0.60, 15.0), ("finance", 0.28, 4.0), ("data", 0.12, 4.0)):
        parties = {"supplier": _shares(SERVE[kind]), "driver": _zipf(drivers, 2)}
        events = round(often * MONTHS * len(drivers))
        step = round(counts.fuel_price / 10) if kind == "fuel" else 100  # tenths of a litre
        found.append(Flow(kind, parties, {"price": DRIVER_COST * share * earned["driver"] / events}, events, step))
    parties = {"supplier": _shares(SERVE["groceries"]), "merchant": _zipf(merchants, 1)}
    events = round(20.0 * MONTHS * len(merchants))
    return [*found, Flow("groceries", parties, {"price": MERCHANT_COST * earned["merchant"] / events}, events)]


def _bought_by_platform(orders: list[Flow], counts: Counts) -> list[Flow]:
    """The platform buys technology for what it keeps of its turnover: gross revenue / GTV."""
    turnover = sum(flow.events * sum(flow.means.values()) for flow in orders)
    events = 5 * DAYS
    price = counts.revenue_share * turnover / events
    return [Flow("technology", {"supplier": _shares(SERVE["technology"])}, {"price": price}, events)]


def _bought_by_firms() -> list[Flow]:
    """A delivery a day to each firm; what counts is whose share it is, not how large it is."""
    return [
        Flow("wholesale", {"supplier": _shares(firm.buys), "buyer": _shares({name: 1.0})}, {"price": 5e6}, DAYS)
        for name, firm in FIRMS.items()
        if firm.buys
    ]


def _by_region(size: int) -> dict[str, list[int]]:
    """Numbers 1 to ``size`` dealt out to the regions in proportion, at least one each."""
    edges = np.rint(np.cumsum(list(REGIONS.values())) * (size - len(REGIONS))).astype(int) + np.arange(1, len(REGIONS) + 1)
    starts = [0, *edges[:-1].tolist()]
    return {region: list(range(a + 1, b + 1)) for region, a, b in zip(REGIONS, starts, edges.tolist(), strict=True)}


def _zipf(members: list[int], root: int) -> Pool:
    """Chances falling as 1/k (root 1) or 1/sqrt(k) (root 2): no power function, so the same bits everywhere."""
    rank = np.arange(1, len(members) + 1, dtype=np.float64)
    weight = 1 / rank if root == 1 else 1 / np.sqrt(rank)
    return Pool(tuple(members), weight / np.cumsum(weight)[-1])


def _shares(shares: dict[str, float]) -> Pool:
    return Pool(tuple(shares), np.array(list(shares.values())))


def _fact(case: str, metric: str, as_of: str) -> float:
    return float(_row(case, metric, as_of)["value"])


def _note(case: str, metric: str, as_of: str) -> str:
    return _row(case, metric, as_of)["source_and_note"]


def _row(case: str, metric: str, as_of: str) -> dict[str, str]:
    wanted = (case, metric, as_of)
    rows = [row for row in registry.load("case_facts").to_dicts() if (row["case"], row["metric"], row["as_of"]) == wanted]
    if len(rows) != 1:
        raise EcographError(f"case_facts has {len(rows)} rows for {case}, {metric}, {as_of}; one is needed.")
    return rows[0]
