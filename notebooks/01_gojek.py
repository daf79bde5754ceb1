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
# # Would we find what a platform relies on, if we didn't know it already?
#
# A platform like Gojek owns no vehicles and cooks no meals. Drivers and merchants work for its customers, and stand
# on others in turn: fuel, vehicle finance, wholesalers, mills. The question is which of them the platform relies on
# most, over all chains of dependence. In this made-up ecosystem the answer is known, so that we can see how far a
# log of events finds it, and how honest the intervals are.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import polars as pl
from IPython.display import Markdown

import ecograph
from ecograph import datasets
from ecograph.figures import network, style
from ecograph.metrics import kendall_tau_b

TOP = 15
folder = Path(tempfile.mkdtemp())
world = datasets.generate_gojek(seed=1)  # proportions from published counts; the same seed gives the same events
world.write(folder)
eco = ecograph.read_events(
    folder / "events.parquet", mapping=folder / "mapping.toml", participants=folder / "participants.parquet"
)
eco

# %%
ledger = ecograph.reliance(eco, "gojek", top=TOP)
ledger.plot(width=style.DOUBLE)

# %%
first = ledger.table.row(0, named=True)
indirect = ledger.table.filter(direct=0).height
alone = ledger.table.filter(pl.col("rank_low") == pl.col("rank_high")).height
Markdown(
    f"**{first['id']}** comes first: {first['reach']:.1%} of what flows to the platform would be lost if it closed "
    f"(95 % interval {first['reach_low']:.1%} to {first['reach_high']:.1%}). The platform has no tie at all with "
    f"{indirect} of the {len(ledger)} shown. The log settles the exact rank of {alone} of them; the others share a "
    f"rank interval with a neighbour. Ranks are of {ledger.n_candidates} external resources."
)

# %% [markdown]
# ## Who provides what
#
# The bars at zero are explained by a picture: what comes first stands two or three arrows away from the platform.

# %%
picture = network.draw(ledger, eco, top=TOP, width=style.DOUBLE)
picture

# %% [markdown]
# ## Is it true?
#
# The generator draws events from shares that it knows. Here are the true values (crosses) beside the estimates and
# their intervals.

# %%
compared = ledger.table.select("id", "rank", "reach", "reach_low", "reach_high").join(
    world.truth.select("id", true="reach", true_rank="rank_reach"), on="id", maintain_order="left"
)
with style.page(style.COLUMN_WIDTH, 0.9 + 0.2 * TOP) as figure:
    axes = figure.add_subplot()
    rows = range(compared.height)
    axes.hlines(rows, compared["reach_low"], compared["reach_high"], color="0.45", lw=1.4, label="95 % interval")
    axes.plot(compared["reach"], rows, "o", color="#0072B2", ms=4, label="estimate")
    axes.plot(compared["true"], rows, "x", color="#D55E00", ms=6, mew=1.4, label="truth")
    axes.set_yticks(rows, compared["id"])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("reach: share of inputs lost if it closes")
    axes.legend(frameon=False)
figure

# %%
inside = compared.filter(pl.col("true").is_between("reach_low", "reach_high")).height
right = compared.filter(pl.col("true_rank") <= TOP).height
tau = kendall_tau_b(compared["reach"].to_numpy(), compared["true"].to_numpy())
covered = ledger.table.join(world.truth.select("id", "rank_reach"), on="id").filter(
    pl.col("rank_reach").is_between("rank_low", "rank_high")
)
Markdown(
    f"{right} of the {TOP} found are among the true first {TOP}. The true value lies in {inside} of {TOP} intervals of "
    f"the value, the true rank in {covered.height} of {TOP} rank intervals. The order agrees with the true one by "
    f"Kendall's tau-b = {tau:.2f}."
)

# %% [markdown]
# ## What this means
#
# A ranking by direct ties alone would have looked at the merchants and missed the firms behind hundreds of them.
# Chains find these firms, and rank intervals say which neighbours in the list shouldn't be told apart.
#
# ## What it can't show
#
# - The ecosystem is made up. That the method finds what was planted here doesn't say that real ecosystems look so.
# - `reach` is a linear loss: nobody stands in for who closes, and nobody looks for another wholesaler.
# - Intervals speak of the events drawn, not of ties that the log never saw, and events of one buyer are taken as
#   independent. Values of one log are not independent of each other either: more than one of them may lie
#   outside its interval at once.
