"""Do the lenses agree? A triangle of Kendall's tau-b, and the ranks of the first few by each lens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ecograph.errors import EcographError
from ecograph.figures.ledger import description
from ecograph.figures.style import COLUMN_WIDTH, marks, page, write
from ecograph.html import plain
from ecograph.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ecograph.ledger import Ledger

__all__ = ["draw", "ranks", "table"]

_ASCENDING = ("substitutability",)  # here a small value is the one to worry about
_COLOURS = "PuOr"  # ColorBrewer: orange below 0, violet above; told apart by any eye, and both fade to white at 0


def table(ledger: Ledger) -> pl.DataFrame:
    """One row a pair of lenses: lens, other, tau_b (null where a lens is constant), in the Ledger's order.

    Raises
    ------
    EcographError : the Ledger has one lens, or no chain longer than a tie, so that there is nothing to compare.
    """
    if ledger.agreement is None:
        raise EcographError(
            f"The Ledger of {plain(ledger.conductor)} has no agreement of lenses to draw.",
            hint="ask for two lenses or more; in a one-step ecosystem direct and reach are the same",
        )
    names = ledger.agreement["lens"].to_list()
    pairs = [(a, b, ledger.agreement[a][j]) for j, b in enumerate(names) for a in names[:j]]
    schema = {"lens": pl.String, "other": pl.String, "tau_b": pl.Float64}
    return pl.DataFrame(pairs, schema=schema, orient="row").with_columns(pl.col("tau_b").fill_nan(None))


def ranks(ledger: Ledger, top: int = 10) -> pl.DataFrame:
    """Rank by each lens among all rows shown, of the first ``top``: label, and a column a lens.

    Equal values share the mean of their ranks, so that many zeros stand where they are: in the lower half.
    """
    lenses = [pl.col(lens).rank("average", descending=lens not in _ASCENDING).alias(lens) for lens in ledger.lenses]
    labels = pl.Series("label", [printable(name, width=24) for name in ledger.table["id"]], pl.String)
    return ledger.table.select(labels, *lenses).head(top)


def draw(
    ledger: Ledger, stem: str | Path | None = None, *, top: int | None = None, width: float = COLUMN_WIDTH
) -> Figure:
    """Draw the agreement of lenses; with ``stem``, also write ``stem``.svg, .pdf and .png.

    Parameters
    ----------
    ledger : a Ledger of two lenses or more.
    stem : path without suffix, or None to write nothing.
    top : also draw the ranks of the first so many by each lens, lines that cross where lenses disagree.
    width : inches.

    Raises
    ------
    EcographError : there is no agreement to draw.
    """
    pairs = table(ledger)
    names = ledger.agreement["lens"].to_list() if ledger.agreement is not None else []
    beside = ranks(ledger, top) if top else None
    height = max(0.42 * width * (0.5 if beside is not None else 1.0) + 0.7, 0.6 + 0.2 * (top or 0))
    with page(width, height) as figure:
        columns = figure.subplots(1, 1 if beside is None else 2, squeeze=False)[0]
        _draw_triangle(columns[0], pairs, names)
        if beside is not None:
            _draw_ranks(columns[1], beside, ledger)
    if stem is not None:
        title = f"Agreement of lenses: {ledger.title}"
        write(figure, Path(stem), title=title, description=description(ledger))
    return figure


def _draw_triangle(axes: Axes, pairs: pl.DataFrame, names: list[str]) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    colours = colormaps[_COLOURS]
    for lens, other, tau in pairs.iter_rows():
        x, y = names.index(lens), names.index(other) - 1
        face = (1.0, 1.0, 1.0, 1.0) if tau is None else colours(0.5 + 0.45 * tau)
        axes.add_patch(Rectangle((x, y), 1, 1, fc=face, ec="0.75", lw=0.6))
        text = "none" if tau is None else f"{tau:.2f}".replace("-", "\N{MINUS SIGN}")
        ink = "white" if 0.3 * face[0] + 0.59 * face[1] + 0.11 * face[2] < 0.5 else "black"
        axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink)
    n = len(names) - 1
    axes.set(xlim=(0, n), ylim=(n, 0), aspect="equal")
    axes.set_xticks([i + 0.5 for i in range(n)], [_short(name) for name in names[:-1]], rotation=30 if n > 3 else 0)
    axes.set_yticks([i + 0.5 for i in range(n)], [_short(name) for name in names[1:]])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_title("Kendall's tau-b", fontsize=8, loc="left")


def _draw_ranks(axes: Axes, rows: pl.DataFrame, ledger: Ledger) -> None:
    lenses = [ledger.by, *(lens for lens in ledger.lenses if lens != ledger.by)]
    looks = list(marks([str(place) for place in range(rows.height)]).values())  # two names cut alike are two
    worst = rows.select(pl.max_horizontal(pl.lit(rows.height), pl.col(lenses).max())).item()
    for place, (row, look) in enumerate(zip(rows.iter_rows(named=True), looks, strict=True), 1):
        line = [place, *(row[lens] for lens in lenses[1:])]  # tied ones side by side, so that names don't meet
        axes.plot(range(len(lenses)), line, color=look.colour, marker=look.shape, lw=1.0, ms=4, mec="black", mew=0.3)
    axes.set_xlim(-0.1, len(lenses) - 0.9)
    axes.set_ylim(worst + 0.5, 0.5)
    axes.set_xticks(range(len(lenses)), [_short(lens) for lens in lenses], rotation=30 if len(lenses) > 4 else 0)
    names = zip(rows["label"], ledger.table["rank"].head(rows.height), strict=True)
    axes.set_yticks(range(1, rows.height + 1), [f"{label}  {rank}" for label, rank in names])
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"rank among the {len(ledger):,} shown", fontsize=8, loc="left")


def _short(lens: str) -> str:
    return lens.replace("_", "\n")
