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
# # What does a Debian package stand on, and where does everything hang on one?
#
# A Linux distribution is an ecosystem that writes down who needs whom. We ask it of `jupyter-core`, which runs this
# notebook: which packages does it rely on over all chains of dependence, in Debian 12?

# %%
# %matplotlib inline
import polars as pl
from IPython.display import Markdown

import ecograph
from ecograph import datasets
from ecograph.figures import agreement, network, style

PACKAGE, TOP = "jupyter-core", 20
eco = ecograph.read_events(datasets.path("debian_bookworm_deps"), mapping=datasets.mapping("debian_bookworm"))
eco

# %% [markdown]
# Needs are declared by maintainers, not drawn from a larger number: intervals would have nothing to speak of, and we
# ask for none. An alternative (`a | b`) is one need, shared between the two.

# %%
LENSES = ("direct", "rooted", "reach", "captive")
ledger = ecograph.reliance(eco, PACKAGE, lenses=LENSES, top=TOP, intervals="none")
ledger.plot(width=style.DOUBLE)

# %%
rows = ledger.table
declared = ecograph.reliance(eco, PACKAGE, by="direct", top=ledger.n_external, intervals="none").table
direct = declared.filter(pl.col("direct") > 0).height
everywhere = rows.filter(pl.col("reach") >= 1 - 1e-9)["id"].to_list()
second = rows.filter(~pl.col("id").is_in(everywhere)).row(0, named=True)
named = rows.filter(rank=second["rank"])["id"].to_list()
Markdown(
    f"{PACKAGE} declares {direct} needs and stands on {ledger.n_external} packages. Every chain of needs runs into "
    f"**{', '.join(everywhere)}**: reach 1. Next come {', '.join(named)}, with {second['reach']:.1%} each; "
    f"{PACKAGE} declares {'none' if not second['direct'] else 'some'} of them."
)

# %% [markdown]
# ## Who needs whom
#
# Chokepoints have a ring: without one, some other packages would be out of reach (`captive`). The hollow node is all
# the other packages in between.

# %%
network.draw(ledger, eco, top=12, width=style.DOUBLE)

# %%
drawn = network.table(ledger, eco, top=12)
nodes = drawn.nodes.with_row_index("node")
others = nodes.filter(kind="others")["members"].sum()
packages = nodes.filter(kind="resource").select(pl.col("node").cast(pl.Int64), "label")
arrows = drawn.arrows.join(packages, left_on="provider", right_on="node").join(
    packages, left_on="receiver", right_on="node", suffix="_needs"
)
back = arrows.select(label="label_needs", label_needs="label")
mutual = arrows.join(back, on=["label", "label_needs"]).filter(pl.col("label") < pl.col("label_needs"))
worst = rows.sort("captive", descending=True).row(0, named=True)
rings = nodes.filter("chokepoint").height
pairs = [f"{a} and {b}" for a, b in mutual.select("label", "label_needs").sort("label").rows()]
Markdown(
    f"{packages.height} packages are drawn, {others} others are one node. {rings} are chokepoints; the largest, "
    f"**{worst['id']}**, is the only way to {worst['captive']:.1%} of the other packages. "
    f"These need each other, so that neither works alone: {'; '.join(pairs) or 'none'}."
)

# %% [markdown]
# ## What would a list of declared needs have said?

# %%
agreement.draw(ledger, top=10, width=style.DOUBLE)

# %%
tau = agreement.table(ledger).filter(lens="direct", other="reach")["tau_b"].item()
hidden = rows.filter(direct=0).height
Markdown(
    f"Declared needs and reach agree by tau-b = {tau:.2f} over the {len(ledger)} shown; {hidden} of these aren't "
    f"declared by {PACKAGE} at all."
)

# %% [markdown]
# ## What this means
#
# What a package declares is the visible edge of what it stands on. A few packages at the bottom carry nearly all of it,
# and some of them only work together: they share a fate, and so a rank.
#
# ## What it can't show
#
# - A need is a need: the data doesn't say how much of a package is used, or how often. All needs of a package
#   weigh the same here.
# - Reach tells where chains run, not how likely a package is to break, nor who would repair it and how fast.
# - Alternatives are counted as shares. A package with another way out fails less than its reach says.
# - Recommended packages, build dependencies and the people who maintain all this are left out.
