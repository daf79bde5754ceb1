"""Published counts of Gojek's ecosystem, read from ``case_facts`` with the page each comes from."""

from __future__ import annotations

import re
from typing import NamedTuple

from ecograph.datasets import registry
from ecograph.errors import EcographError

__all__ = ["Counts", "published"]


class Counts(NamedTuple):
    """Counts of the whole ecosystem, ratios made of them, and one line of source for each row used."""

    drivers: float
    merchants: float
    customers: float
    workers_per_merchant: float
    transactions_a_month: float
    food_orders_a_month: float
    revenue_share: float
    fuel_price: float
    sources: tuple[str, ...]


def published() -> Counts:
    """The counts of 2020, and the nearest earlier or later ones where 2020 has none.

    GoTo's transactions and users include Tokopedia's, which its pages don't split; what isn't food
    is counted as rides, parcels and home services. ``workers_per_merchant`` is the ratio of 2016.

    Examples
    --------
    >>> counts = published()
    >>> counts.drivers, counts.fuel_price, round(counts.revenue_share, 4)
    (2000000.0, 6450.0, 0.0365)
    """
    table = {(row["case"], row["metric"], row["as_of"]): row for row in registry.load("case_facts").to_dicts()}
    used: list[str] = []

    def fact(case: str, metric: str, as_of: str) -> float:
        row = table.get((case, metric, as_of))
        if row is None:
            raise EcographError(f"case_facts has no row for {case}, {metric}, {as_of}.")
        used.append(f"{case}, {metric}, {as_of}: {row['value']} {row['unit']} ({row['source_and_note']})")
        return float(row["value"])

    return Counts(
        drivers=fact("gojek", "drivers", "2020-11"),
        merchants=fact("gojek", "merchants", "2020-11"),
        customers=fact("goto", "monthly active users", "2020-12"),
        workers_per_merchant=fact("gojek", "service providers", "2016-06-30")
        / fact("gojek", "food merchants", "2016-06-30"),
        transactions_a_month=fact("goto", "transactions", "2020") / 12,
        food_orders_a_month=fact("gojek", "GoFood completed orders a month", "2019-12"),
        revenue_share=_revenue(table["goto", "GTV", "2022-Q2"]["source_and_note"]) / fact("goto", "GTV", "2022-Q2"),
        fuel_price=fact("bbm", "price after", "2017-"),
        sources=tuple(used),
    )


def _revenue(note: str) -> float:
    """Gross revenue in trillion rupiah, which the page states beside the GTV."""
    found = re.search(r"gross revenue ([\d.]+) tn", note)
    if found is None:
        raise EcographError(f"No gross revenue in the note {note!r} of case_facts.")
    return float(found[1])
