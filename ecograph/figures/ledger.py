"""The ranked dot plot of a Ledger: who the conductor relies on most, and how surely."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ecograph import __version__
from ecograph.figures.rank_panels import draw_groups, draw_ranks, groups_of
from ecograph.figures.style import COLUMN_WIDTH, Mark, marks, page, write
from ecograph.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ecograph.ledger import Ledger

__all__ = ["description", "draw", "table"]

_AXIS = {
    "direct": "direct: share of the conductor's inputs",
    "rooted": "rooted: personalised PageRank from the conductor",
    "reach": "reach: share of inputs lost if it closes",
    "brokerage": "brokerage: share of shortest chains that run through it",
    "captive": "captive: share of participants reached through it alone",
    "criticality": "criticality: loss of the conductor's output if it closes",
    "criticality_up": "upstream criticality: loss of the conductor's sales if it closes",
    "substitutability": "substitutability: share of its deliveries that others could make",
    "first_round": "first-round reach: share of inputs lost if it closes",
}
_NO_ROLE = "(no role)"
_NARROW = 4.5  # inches: below, ranks have no panel of their own, and names are cut shorter
_GROUP = (0.1, 0.06)  # inches a tie group takes; in a narrow figure there is no room for its letter


def table(ledger: Ledger) -> pl.DataFrame:
    """Rank, label, role, value of the ranking lens and direct reliance of every participant shown.

    ``direct`` is null where that lens wasn't asked for or is itself the ranking lens. ``low`` and ``high`` (of
    the ranking lens), ``rank_low``, ``rank_high`` and ``tie_group`` are there where the Ledger has intervals.
    """
    shown = ledger.table
    beside = pl.col("direct") if "direct" in shown.columns and ledger.by != "direct" else pl.lit(None, pl.Float64)
    bounds = {f"{ledger.by}_low": "low", f"{ledger.by}_high": "high"}
    known = {**bounds, **{name: name for name in ("rank_low", "rank_high", "tie_group")}}
    return shown.select(
        "rank",
        pl.Series("label", [printable(name, width=34) for name in shown["id"]], pl.String),
        pl.col("role").fill_null(_NO_ROLE),
        pl.col(ledger.by).alias("value"),
        beside.alias("direct"),
        *(pl.col(name).alias(short) for name, short in known.items() if name in shown.columns),
    )


def draw(ledger: Ledger, stem: str | Path | None = None, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw the Ledger as a ranked dot plot; with ``stem``, also write ``stem``.svg, .pdf and .png.

    Roles differ in colour and in shape. A vertical bar marks direct reliance where the ranking is by another
    lens: the gap between bar and mark is what comes through others. Where the Ledger has intervals, a whisker
    is the 95 % interval of the value, a bar in the second panel (a number where the figure is narrow) that of
    the rank, and rows with a dot on the same line at the right can't be told apart.

    Parameters
    ----------
    ledger : what to draw.
    stem : path without suffix, or None to write nothing.
    width : inches.
    """
    rows, narrow = table(ledger), width < _NARROW
    n_groups = len(groups_of(rows["tie_group"])) if "tie_group" in rows.columns else 0
    ranks = not narrow and {"rank_low", "rank_high"} <= set(rows.columns)
    a_group = _GROUP[narrow] / (0.5 * width)  # the first panel gets about half of the page
    panels = [1.0, *[0.35] * ranks, *[a_group * (n_groups + 1)] * (n_groups > 0)]
    with page(width, 0.95 + 0.21 * max(rows.height, 3)) as figure:
        first, *others = figure.subplots(1, len(panels), sharey=True, width_ratios=panels, squeeze=False)[0]
        _draw_values(first, rows)
        _dress(first, rows, _AXIS.get(ledger.by, ledger.by), narrow)
        if ranks:
            draw_ranks(others[0], rows["rank"], rows["rank_low"], rows["rank_high"])
        if n_groups:
            draw_groups(others[-1], rows["tie_group"], letters=not narrow)
        figure.legend(loc="outside upper left", ncols=4, frameon=False, handletextpad=0.2, columnspacing=1.2)
    if stem is not None:
        write(figure, Path(stem), title=ledger.title, description=description(ledger))
    return figure


def description(ledger: Ledger) -> str:
    """What a file says of itself: the certificate, the version, and the hashes of what was read."""
    ingest = ledger.provenance.get("ecosystem", {}).get("ingest", {})
    hashes = [f"sha256 {source['sha256']}" for source in ingest.get("sources", ()) if source.get("sha256")]
    return "; ".join([ledger.certificate.sentence, f"ecograph {__version__}", *hashes])


def _draw_values(axes: Axes, rows: pl.DataFrame) -> None:
    looks = marks(rows["role"].to_list())
    if {"low", "high"} <= set(rows.columns):
        axes.hlines(range(rows.height), rows["low"], rows["high"], color="0.45", lw=1.1, zorder=2, label="95 %")
    for (role,), part in rows.with_row_index("y").group_by(["role"], maintain_order=True):
        _draw_role(axes, part, str(role), looks[str(role)])
    if rows["direct"].is_not_null().any():
        axes.plot(rows["direct"], range(rows.height), "|", color="0.25", ms=8, mew=1.2, zorder=2, label="direct")


def _draw_role(axes: Axes, part: pl.DataFrame, role: str, mark: Mark) -> None:
    y = part["y"].to_list()
    axes.plot(
        part["value"],
        y,
        mark.shape,
        color=mark.colour,
        mec="black",
        mew=0.4,
        ms=5.5,
        zorder=3,
        label=printable(role, width=24),
    )


def _dress(axes: Axes, rows: pl.DataFrame, label: str, narrow: bool) -> None:
    names = [printable(name, width=18) for name in rows["label"]] if narrow else rows["label"].to_list()
    labels = [f"{name}  {rank}" for name, rank in zip(names, _ranks(rows, narrow), strict=True)]
    axes.set_yticks(range(rows.height), labels)
    axes.set_ylim(rows.height - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0.0)
    axes.margins(x=0.06)
    axes.grid(axis="y", color="0.85", lw=0.5)
    axes.grid(axis="x", color="0.92", lw=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(label.replace(": ", ":\n") if narrow else label)


def _ranks(rows: pl.DataFrame, narrow: bool) -> list[str]:
    """Ranks as wide as the widest; where there is no panel for it, each with its interval."""
    ranks = [str(rank) for rank in rows["rank"]]
    if narrow and {"rank_low", "rank_high"} <= set(rows.columns):
        ends = zip(ranks, rows["rank_low"], rows["rank_high"], strict=True)
        ranks = [f"{rank} ({low}\N{EN DASH}{high})" for rank, low, high in ends]
    widest = max(map(len, ranks))
    return [rank.rjust(widest, "\N{FIGURE SPACE}") for rank in ranks]
