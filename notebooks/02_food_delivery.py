# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which restaurants and drivers does a delivery platform rely on, and does a month of orders tell?
#
# A food delivery platform owns no kitchen and no car. One month of its orders (a widely copied practice set; ids are
# anonymous) says who cooked, who drove and what it was worth.

# %%
# %matplotlib inline
import polars as pl
from IPython.display import Markdown

import ecograph
from ecograph import datasets
from ecograph.figures import agreement, network, style

TOP = 20
orders = datasets.path("food_delivery_bayarea")  # size and hash are checked
eco = ecograph.read_events(orders, mapping=datasets.mapping("food_delivery"))
eco

# %% [markdown]
# Meals are counted in dollars, deliveries and pickups in trips. They can't be added as they stand; here each relation
# weighs the same in all. The last section looks at what that choice does.

# %%
ledger = ecograph.reliance(eco, "platform", normalise="relation", top=TOP)
ledger.plot(width=style.DOUBLE)

# %%
rows = ledger.table
roles = dict(rows["role"].value_counts().sort("role").rows())
wide = (rows["rank_high"] - rows["rank_low"] + 1).median()
gain = rows.filter(role="driver").select((pl.col("reach") / pl.col("direct")).median()).item()
Markdown(
    f"Reliance is spread: the first, {rows['id'][0]}, carries {rows['reach'][0]:.1%}, the {TOP} shown together "
    f"{rows['direct'].sum():.1%} of what comes in directly. Among them are "
    f"{' and '.join(f'{n} of role {role}' for role, n in roles.items())}, of {ledger.n_candidates} external resources. "
    f"A month doesn't settle their order: the median rank interval is {wide:.0f} ranks wide. A driver's reach is "
    f"{gain:.1f} times its direct share in the median, because restaurants rest on their pickups, too."
)

# %% [markdown]
# ## Who provides what

# %%
network.draw(ledger, eco, top=12, width=style.DOUBLE)

# %% [markdown]
# ## Do the lenses agree?
#
# `direct` looks at one tie, `rooted` discounts long chains, `reach` counts all of them.

# %%
agreement.draw(ledger, top=10, width=style.DOUBLE)

# %%
pairs = agreement.table(ledger)
least = pairs.sort("tau_b").row(0, named=True)
most = pairs.sort("tau_b").row(-1, named=True)
Markdown(
    f"Over the {len(ledger)} shown, {most['lens']} and {most['other']} agree most (tau-b {most['tau_b']:.2f}), "
    f"{least['lens']} and {least['other']} least ({least['tau_b']:.2f})."
)

# %% [markdown]
# ## Does the choice of units matter?
#
# Instead of equal weights one can say what a trip is worth in dollars. Each row below is one such worth.

# %%
meal = eco.relation("meal").ties.weight.sum() / eco.relation("meal").ties.count.sum()
found = set(rows["id"])
worths = []
for share in (0.1, 0.25, 0.5, 1.0):
    weights = {"meal": 1.0, "delivery": share * meal, "pickup": share * meal}
    other = ecograph.reliance(eco, "platform", relation_weights=weights, top=TOP, intervals="none").table
    drivers = other.filter(role="driver").height
    worths.append(
        {"a trip in meals": share, "drivers among the first": drivers, "shared": len(found & set(other["id"]))}
    )
worths = pl.DataFrame(worths)
worths

# %%
low, high = worths.row(0, named=True), worths.row(-1, named=True)
Markdown(
    f"If a trip is worth {low['a trip in meals']:g} of an average meal, {low['drivers among the first']} of the first "
    f"{TOP} are drivers; at {high['a trip in meals']:g} it is {high['drivers among the first']}. The list above shares "
    f"{worths['shared'].min()} to {worths['shared'].max()} of its {TOP} names with these."
)

# %% [markdown]
# ## What this means
#
# No single restaurant or driver is a point of failure for this platform, and a month of orders supports tiers, not
# an order within them. Drivers matter more than their own deliveries say, since meals need them, too.
#
# ## What it can't show
#
# - Whether a meal or a trip counts for more is a judgement that no data settles. It moves drivers against restaurants.
# - The file names no month and no year, and it states no licence; it is an exercise, perhaps not all of the platform.
# - Nobody stands in for who closes. In a city with hundreds of drivers somebody would.
# - Who supplies the restaurants isn't recorded. The notebook on the made-up platform shows what can hide there.
