"""food_delivery_bayarea: one order row gives the ties of restaurant, driver, consumer and platform."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

import ecograph
from ecograph import Ecosystem, Mapping, datasets
from ecograph.errors import UnitError
from ecograph.metrics import gini, hhi

ORDERS, TRIPS_AND_DOLLARS = 18_079, Fraction("926719.16") + 18_079
TOP = 20


@pytest.fixture(scope="module")
def rows(need: Callable[[str], None]) -> list[dict[str, str]]:
    need("food_delivery_bayarea")
    return datasets.load("food_delivery_bayarea").to_dicts()


@pytest.fixture(scope="module")
def service(need: Callable[[str], None]) -> Ecosystem:
    need("food_delivery_bayarea")
    return ecograph.read_events(datasets.path("food_delivery_bayarea"), mapping=datasets.mapping("food_delivery"))


@pytest.fixture(scope="module")
def with_money(need: Callable[[str], None]) -> Ecosystem:
    need("food_delivery_bayarea")
    return ecograph.read_events(datasets.path("food_delivery_bayarea"), mapping=datasets.mapping("food_delivery_money"))


def total(eco: Ecosystem, relation: str, provider: str) -> float:
    ties = eco.tie_table().filter(relation=relation)
    return float(ties.filter(ties["provider"].str.starts_with(provider))["weight"].sum())


class Shares:
    """Shares of the platform's and the restaurants' inputs, exact, straight from the rows."""

    def __init__(self, rows: list[dict[str, str]], dollars_a_trip: Fraction) -> None:
        meals, trips, pickups = Counter[str](), Counter[str](), defaultdict[str, Counter[str]](Counter)
        self.value: dict[str, Fraction] = defaultdict(Fraction)
        for row in rows:
            restaurant, driver = f"restaurant:{row['Restaurant_ID']}", f"driver:{row['Driver_ID']}"
            self.value[restaurant] += Fraction(row["Order_total"])
            trips[driver] += 1
            meals[restaurant] += 1
            pickups[restaurant][driver] += 1
        for driver, n in trips.items():
            self.value[driver] = n * dollars_a_trip
        whole = sum(self.value.values())
        self.direct = {name: value / whole for name, value in self.value.items()}
        self.reach = dict(self.direct)
        for restaurant, drivers in pickups.items():
            for driver, n in drivers.items():  # platform -> restaurant -> driver
                self.reach[driver] += self.direct[restaurant] * Fraction(n, meals[restaurant])


def test_counts_of_who_takes_part(service: Ecosystem) -> None:
    assert service.report is not None
    assert (service.report.rows, service.report.good, service.report.quarantined) == (ORDERS, ORDERS, 0)
    roles = Counter(service.participants["role"])
    assert roles == {"driver": 297, "restaurant": 314, "consumer": 6_701, "platform": 1}
    orders = service.tie_table().filter(relation="meal", provider="platform")["count"]
    assert (orders.sum(), (orders == 1).sum()) == (ORDERS, 3_417)


def test_sums_of_what_flows(with_money: Ecosystem) -> None:
    sums = {
        ("meal", "restaurant:"): 926_719.16,
        ("meal", "platform"): 926_719.16,
        ("payment", "consumer:"): 926_719.16,
        ("payout", "platform"): 926_719.16,
        ("tip", "consumer:"): 63_131.06,
        ("tip", "platform"): 63_131.06,
        ("discount", "platform"): 24_526.54,
        ("refund", "platform"): 11_065.39,
        ("delivery", "driver:"): ORDERS,
        ("trip pay", "platform"): ORDERS,
    }
    for (relation, provider), expected in sums.items():  # each tie is rounded once, their float sum 7,000 times
        assert total(with_money, relation, provider) == pytest.approx(expected, rel=1e-12), (relation, provider)


def test_days_that_wrap_past_the_end_of_the_month(service: Ecosystem, rows: list[dict[str, str]]) -> None:
    wrapped = [r for r in rows if r["Delivered_to_consumer_datetime"] < r["Customer_placed_order_datetime"]]
    assert service.report is not None
    moved = [n for notice, n in service.report.notices.items() if "moved on by one month" in notice]
    assert moved == [len(wrapped)] == [57]


def test_pairs_show_when_the_platform_is_left_out(need: Callable[[str], None]) -> None:
    """Orchestrated ties run through the platform; without ``via`` they join restaurant and consumer."""
    need("food_delivery_bayarea")
    mapping = Mapping.from_toml(datasets.mapping("food_delivery"))
    direct = replace(mapping, ties=tuple(replace(rule, via=None) for rule in mapping.ties))
    ties = ecograph.read_events(datasets.path("food_delivery_bayarea"), mapping=direct).tie_table()
    pairs = dict(ties.group_by("relation").len().rows())
    assert pairs["meal"] == 13_719
    assert pairs["pickup"] == 9_270
    assert ties.filter(relation="meal")["count"].sum() == ORDERS


def test_revenue_of_restaurants_is_little_concentrated(service: Ecosystem) -> None:
    meals = service.relation("meal")
    platform = meals.row_of("platform")
    assert hhi(meals)[platform] == pytest.approx(0.0132, abs=5e-5)
    assert gini(meals)[platform] == pytest.approx(0.6753, abs=5e-5)
    top = ecograph.reliance(meals, "platform", by="direct", top=3).table
    assert top["id"].to_list() == ["restaurant:9", "restaurant:8", "restaurant:20"]
    assert top["direct"][0] == pytest.approx(0.0425, abs=5e-5)


def test_dollars_and_trips_are_not_added_in_silence(service: Ecosystem) -> None:
    with pytest.raises(UnitError, match=r"relation_weights(.|\n)*normalise"):
        ecograph.reliance(service, "platform")


def test_naive_adding_gives_drivers_two_per_cent(service: Ecosystem) -> None:
    """The artefact: a trip counted as one dollar beside orders of 51 dollars."""
    ones = {"meal": 1.0, "delivery": 1.0, "pickup": 1.0}
    table = ecograph.reliance(service, "platform", by="direct", relation_weights=ones, role="driver", top=297).table
    assert table.height == 297
    assert table["direct"].sum() == pytest.approx(float(ORDERS / TRIPS_AND_DOLLARS), abs=1e-12)
    assert round(table["direct"].sum(), 3) == 0.019


@pytest.mark.parametrize("way", ["weights", "normalise"])
def test_whom_the_platform_relies_on(service: Ecosystem, rows: list[dict[str, str]], way: str) -> None:
    """Six dollars a trip, or as much for all trips as for all meals: checked against exact shares."""
    if way == "weights":
        trip = Fraction(6)
        ledger = ecograph.reliance(
            service, "platform", relation_weights={"meal": 1, "delivery": 6, "pickup": 1}, top=TOP
        )
    else:
        trip = Fraction("926719.16") / ORDERS
        ledger = ecograph.reliance(service, "platform", normalise="relation", top=TOP)
    exact = Shares(rows, trip)
    ranked = sorted(exact.reach, key=lambda name: -exact.reach[name])[:TOP]
    table = ledger.table
    assert set(table["id"]) == set(ranked)
    for name, direct, reach in table.select("id", "direct", "reach").rows():
        assert direct == pytest.approx(float(exact.direct[name]), abs=1e-12)
        assert reach == pytest.approx(float(exact.reach[name]), abs=1e-9)
    assert table["reach"].is_sorted(descending=True)


@pytest.mark.parametrize("role", ["restaurant", "driver"])
def test_one_role_can_be_ranked_alone(service: Ecosystem, rows: list[dict[str, str]], role: str) -> None:
    exact = Shares(rows, Fraction("926719.16") / ORDERS)
    table = ecograph.reliance(service, "platform", normalise="relation", role=role, top=10).table
    members = [name for name in exact.reach if name.startswith(role)]
    assert set(table["id"]) == set(sorted(members, key=lambda name: -exact.reach[name])[:10])
    assert set(table["role"]) == {role}


def test_money_that_comes_back_closes_the_class(with_money: Ecosystem) -> None:
    ledger = ecograph.reliance(with_money, "platform", normalise="relation", top=TOP)
    said = "\n".join(ledger.notes)
    assert "closed class of 7,312 participants" in said  # all but the consumer whose only order cost nothing
    assert "first_round" in said
    assert ledger.by == "first_round"
    assert set(ledger.table["reach"]) == {1.0}
    assert ledger.table["first_round"].is_sorted(descending=True)


def test_first_round_reach_has_its_closed_form(with_money: Ecosystem, rows: list[dict[str, str]]) -> None:
    """Arrows into the platform removed: platform -> k, and platform -> restaurant -> driver by the pickup."""
    weights = {"meal": 1.0, "payment": 1.0, "payout": 1.0, "tip": 1.0, "discount": 1.0, "refund": 1.0}
    weights |= {"delivery": 6.0, "pickup": 6.0, "trip pay": 6.0}
    ledger = ecograph.reliance(with_money, "platform", relation_weights=weights, top=TOP)
    into = defaultdict[str, Fraction](Fraction)
    restaurant_in, pickups = defaultdict[str, Fraction](Fraction), defaultdict[tuple[str, str], Fraction](Fraction)
    for row in rows:
        restaurant, driver, consumer = (f"{r.lower()}:{row[r + '_ID']}" for r in ("Restaurant", "Driver", "Consumer"))
        order, tip = Fraction(row["Order_total"]), Fraction(row["Amount_of_tip"])
        into[restaurant] += order
        into[driver] += 6
        into[consumer] += order + tip
        restaurant_in[restaurant] += order + 6
        pickups[restaurant, driver] += 6
    whole = sum(into.values())
    first = {name: value / whole for name, value in into.items()}
    for (restaurant, driver), pay in pickups.items():
        first[driver] += into[restaurant] / whole * pay / restaurant_in[restaurant]
    ranked = sorted(first, key=lambda name: -first[name])[:TOP]
    assert set(ledger.table["id"]) == set(ranked)
    for name, value in ledger.table.select("id", "first_round").rows():
        assert value == pytest.approx(float(first[name]), abs=1e-9)


def test_widths_by_gradients_are_those_by_drawing_events_anew(service: Ecosystem) -> None:
    """Two ways that share no code: a fifth apart at most for each, as 200 replicates know a width to some 7 %."""
    by_delta, drawn = (
        ecograph.reliance(
            service, "platform", lenses=["rooted"], by="rooted", normalise="relation", top=TOP, intervals=how, seed=1
        ).table
        for how in ("delta", "bootstrap")
    )
    assert by_delta["id"].to_list() == drawn["id"].to_list()
    ratios = [
        (b["rooted_high"] - b["rooted_low"]) / (a["rooted_high"] - a["rooted_low"])
        for a, b in zip(by_delta.iter_rows(named=True), drawn.iter_rows(named=True), strict=True)
    ]
    assert all(0.8 < ratio < 1.2 for ratio in ratios)
    assert 0.9 < sum(ratios) / len(ratios) < 1.1


def test_whole_customers_vary_more_than_their_events(need: Callable[[str], None]) -> None:
    """Who comes often makes a restaurant's share less sure: docs/data/clusters.md has the size of it."""
    need("food_delivery_bayarea")
    clustered = ecograph.read_events(
        datasets.path("food_delivery_bayarea"), mapping=datasets.mapping("food_delivery"), cluster="Consumer_ID"
    )
    plain = ecograph.read_events(datasets.path("food_delivery_bayarea"), mapping=datasets.mapping("food_delivery"))
    tables = [
        ecograph.reliance(eco, "platform", lenses=["direct"], by="direct", normalise="relation", top=5).table
        for eco in (plain, clustered)
    ]
    assert tables[0]["id"].to_list() == tables[1]["id"].to_list()
    width = [(t["direct_high"] - t["direct_low"]).to_numpy() for t in tables]
    assert (width[1] > 1.1 * width[0]).all()
