"""The ranked dot plot of a Ledger: who the conductor relies on most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ecograph import __version__
from ecograph.figures.style import COLUMN_WIDTH, Mark, marks, page, write
from ecograph.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ecograph.ledger import Ledger

__all__ = ["draw", "table"]

_AXIS = {
    "direct": "direct: share of the conductor's inputs",
    "rooted": "rooted: personalised PageRank from the conductor",
    "reach": "reach: share of inputs lost if it closes",
    "first_round": "first-round reach: share of inputs lost if it closes",
}
_NO_ROLE = "(no role)"


def table(ledger: Ledger) -> pl.DataFrame:
    """Rank, label, role, value of the ranking lens and direct reliance of every participant shown.

    ``direct`` is null where that lens wasn't asked for or is itself the ranking lens.
    """
    shown = ledger.table
    beside = pl.col("direct") if "direct" in shown.columns and ledger.by != "direct" else pl.lit(None, pl.Float64)
    return shown.select(
        "rank",
        pl.Series("label", [printable(name, width=34) for name in shown["id"]], pl.String),
        pl.col("role").fill_null(_NO_ROLE),
        pl.col(ledger.by).alias("value"),
        beside.alias("direct"),
    )


def draw(ledger: Ledger, stem: str | Path | None = None) -> Figure:
    """Draw the Ledger as a ranked dot plot; with ``stem``, also write ``stem``.svg and ``stem``.png.

    Roles differ in colour and in shape. A vertical bar marks direct reliance where the ranking is by
    another lens: the gap between bar and mark is what comes through others.
    """
    rows = table(ledger)
    with page(COLUMN_WIDTH, 0.9 + 0.21 * max(rows.height, 3)) as figure:
        axes = figure.add_subplot()
        looks = marks(rows["role"].to_list())
        for (role,), part in rows.with_row_index("y").group_by(["role"], maintain_order=True):
            _draw_role(axes, part, str(role), looks[str(role)])
        if rows["direct"].is_not_null().any():
            axes.plot(rows["direct"], range(rows.height), "|", color="0.25", ms=8, mew=1.2, zorder=2, label="direct")
        _dress(axes, rows, _AXIS.get(ledger.by, ledger.by))
    if stem is not None:
        write(figure, Path(stem), title=ledger.title, description=_description(ledger))
    return figure


def _description(ledger: Ledger) -> str:
    """What the file says of itself: the certificate, the version, and the hashes of what was read."""
    ingest = ledger.provenance.get("ecosystem", {}).get("ingest", {})
    hashes = [f"sha256 {source['sha256']}" for source in ingest.get("sources", ()) if source.get("sha256")]
    return "; ".join([ledger.certificate.sentence, f"ecograph {__version__}", *hashes])


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


def _dress(axes: Axes, rows: pl.DataFrame, label: str) -> None:
    widest = len(str(rows["rank"].max()))
    padded = [str(rank).rjust(widest, "\N{FIGURE SPACE}") for rank in rows["rank"]]
    labels = [f"{name}  {rank}" for name, rank in zip(rows["label"], padded, strict=True)]
    axes.set_yticks(range(rows.height), labels)
    axes.set_ylim(rows.height - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0.0)
    axes.margins(x=0.06)
    axes.grid(axis="y", color="0.85", lw=0.5)
    axes.grid(axis="x", color="0.92", lw=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)
    axes.figure.legend(loc="outside upper left", ncols=4, frameon=False, handletextpad=0.2, columnspacing=1.2)
