"""The conductor's ego network: who provides what, and where everything hangs on one.

graph-tool says where nodes stand; the figure is drawn in the house style. graph-tool's own cairo files carry a
date and ids that count up within a process, so that the same picture isn't the same bytes, and their text
depends on the fonts of the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.figures.labels import Box, place, text_size
from ecograph.figures.layout import fit, radial
from ecograph.figures.ledger import description
from ecograph.figures.network_table import Network, table
from ecograph.figures.style import COLUMN_WIDTH, N_COLOURS, marks, page, write
from ecograph.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ecograph.ecosystem import Ecosystem
    from ecograph.ledger import Ledger

__all__ = ["Network", "draw", "table"]

_SIZE = {"conductor": 7.5, "resource": 5.2, "others": 6.8}  # points: half of a node's width
_TEXT = 7.0  # points
_DASHES = ("-", (0, (3, 1)), (0, (1, 0.7)))
_BEND = 0.14  # of an arrow's length


def draw(
    ledger: Ledger,
    eco: Ecosystem,
    stem: str | Path | None = None,
    *,
    top: int = 12,
    least: float = 0.01,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw the ego network of the Ledger's conductor; with ``stem``, also write ``stem``.svg, .pdf and .png.

    An arrow goes from provider to receiver, its colour tells the relation and its width the share of the
    receiver's inputs. Rings count the arrows to the conductor in the middle. Hollow nodes stand for all the
    others of a role that lie between; a chokepoint has a ring of its own.

    Parameters
    ----------
    ledger : what ``ecograph.reliance`` found.
    eco : the ecosystem, or the view of it, that was ranked.
    stem : path without suffix, or None to write nothing.
    top : how many resources at most.
    least : arrows of a smaller share to others than the conductor aren't drawn, unless a node would be cut off;
        the legend counts them.
    width : inches.

    Raises
    ------
    ParticipantError : the ecosystem isn't the one that was ranked.
    MissingDependencyError : graph-tool isn't installed.
    """
    nodes, arrows, words = table(ledger, eco, top)
    drawn = _without_thin(arrows, nodes.height, least)
    places = radial(nodes.height, drawn.select("provider", "receiver").rows(), [1.0] * nodes.height)
    with page(width, 0.8 * width + 0.75) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        right, high = (72.0 * float(inches) for inches in figure.get_size_inches())
        axes.set(xlim=(0.0, right), ylim=(0.0, high))
        axes.axis("off")
        legend = _legend(figure, nodes, drawn, words, arrows.height - drawn.height, least)
        floor = legend.get_window_extent().height * 72.0 / figure.dpi + 8.0
        at = fit(places, Box(0.13 * right, floor + 16.0, 0.87 * right, high - 20.0), apart=3.0 * _SIZE["others"])
        lines = _draw_arrows(axes, nodes, drawn, at)
        _draw_nodes(axes, nodes, at)
        _draw_labels(axes, nodes, at, lines, Box(2.0, floor, right - 2.0, high - 2.0))
    if stem is not None:
        title = f"Ego network of {printable(ledger.conductor, width=80)}"
        write(figure, Path(stem), title=title, description=description(ledger))
    return figure


def _without_thin(arrows: pl.DataFrame, n: int, least: float) -> pl.DataFrame:
    """Arrows of at least this share or to the conductor, and all those of nodes that would hang in the air."""
    kept = (arrows["share"] >= least) | (arrows["receiver"] == 0)
    while True:
        linked = np.zeros(n, np.bool_)
        linked[0] = True
        ends = arrows.filter(kept).select("provider", "receiver").to_numpy()
        for _ in range(n):
            linked[ends[linked[ends].any(axis=1)].ravel()] = True
        loose = np.flatnonzero(~linked)
        more = kept | arrows["provider"].is_in(loose) | arrows["receiver"].is_in(loose)
        if (more == kept).all():
            return arrows.filter(kept)
        kept = more


def _texts(nodes: pl.DataFrame) -> list[str]:
    """A name for each node: rank and id, or how many others of which role."""
    out = []
    for row in nodes.iter_rows(named=True):
        match row["kind"]:
            case "resource":
                out.append(f"{row['rank']} {row['label']}")
            case "others":
                out.append(f"{row['members']:,} \N{MULTIPLICATION SIGN} {row['label']}")
            case _:
                out.append(row["label"])
    return out


def _draw_arrows(axes: Axes, nodes: pl.DataFrame, arrows: pl.DataFrame, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw the arrows, wide ones first; return points along them."""
    from matplotlib.patches import FancyArrowPatch

    looks, dashes = marks(arrows["relation"].to_list()), _dashes(arrows)
    bends = _bends(arrows, at)
    points = [np.empty((0, 2))]
    for (i, j, relation, share), bend in sorted(zip(arrows.rows(), bends, strict=True), key=lambda each: -each[0][3]):
        ends = [_SIZE[nodes["kind"][k]] + 0.8 for k in (i, j)]
        axes.add_patch(
            FancyArrowPatch(
                at[i],
                at[j],
                arrowstyle=f"-|>,head_length={3 + 2 * share},head_width={1.2 + 1.2 * share}",
                connectionstyle=f"arc3,rad={bend}",
                shrinkA=ends[0],
                shrinkB=ends[1],
                lw=_line(share),
                color=looks[relation].colour,
                linestyle=dashes[relation],
                alpha=0.85,
                zorder=2,
                joinstyle="miter",
                mutation_scale=1.0,
            )
        )
        points.append(_along(at[i], at[j], bend))
    return np.concatenate(points)


def _along(start: NDArray[np.float64], end: NDArray[np.float64], bend: float) -> NDArray[np.float64]:
    """Points along an arrow: Matplotlib's arc3, a parabola whose middle is off by half of ``bend`` times its length."""
    span = end - start
    bow = (start + end) / 2 + bend * np.array([span[1], -span[0]])
    t = np.linspace(0.05, 0.95, 24)[:, None]
    out: NDArray[np.float64] = (1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t**2 * end
    return out


def _bends(arrows: pl.DataFrame, at: NDArray[np.float64]) -> list[float]:
    """Each arrow's bend: the first that passes by the others' nodes; arrows of one pair bend apart."""
    pairs = arrows.select("provider", "receiver").rows()
    lanes = arrows.select(pl.int_range(pl.len()).over("provider", "receiver")).to_series()
    known, out = set(pairs), []
    for (i, j), lane in zip(pairs, lanes, strict=True):
        bend = _BEND * (1 + lane)
        ways = [bend, 1.8 * bend] if lane or (j, i) in known else [bend, -bend, 1.8 * bend, -1.8 * bend]
        others = np.delete(at, [i, j], axis=0)

        def hits(way: float, i: int = i, j: int = j, others: NDArray[np.float64] = others) -> int:
            gaps = np.hypot(*(_along(at[i], at[j], way)[:, None] - others[None]).T)
            return int((gaps.min(axis=1, initial=np.inf) < 1.3 * _SIZE["others"]).sum())

        out.append(min(ways, key=hits))
    return out


def _dashes(arrows: pl.DataFrame) -> dict[str, Any]:
    """Solid for as many relations as there are colours, then dashed."""
    names = dict.fromkeys(arrows["relation"])
    return {name: _DASHES[min(i // N_COLOURS, len(_DASHES) - 1)] for i, name in enumerate(names)}


def _line(share: float) -> float:
    return 0.5 + 2.8 * share


def _draw_nodes(axes: Axes, nodes: pl.DataFrame, at: NDArray[np.float64]) -> None:
    looks = marks(_roles(nodes))
    for row, (x, y) in zip(nodes.iter_rows(named=True), at, strict=True):
        size, kind = 2.0 * _SIZE[row["kind"]], row["kind"]
        shape = "h" if kind == "conductor" else looks[row["role"]].shape
        face = {"conductor": "black", "resource": "0.8", "others": "white"}[kind]
        axes.plot(x, y, shape, ms=size, mfc=face, mec="black", mew=0.8, zorder=4)
        if row["chokepoint"]:
            axes.plot(x, y, "o", ms=size * 1.7, mfc="none", mec="black", mew=1.3, zorder=5)


def _roles(nodes: pl.DataFrame) -> list[str]:
    """Roles in the order of the legend, that of first appearance."""
    return nodes.filter(pl.col("kind") != "conductor")["role"].to_list()


def _draw_labels(
    axes: Axes, nodes: pl.DataFrame, at: NDArray[np.float64], lines: NDArray[np.float64], space: Box
) -> None:
    texts = _texts(nodes)
    half = [_SIZE[kind] * (1.7 if choke else 1.0) for kind, choke in nodes.select("kind", "chokepoint").rows()]
    covered = [Box(x - h, y - h, x + h, y + h) for (x, y), h in zip(at, half, strict=True)]
    weights = ["bold" if kind == "conductor" else "normal" for kind in nodes["kind"]]
    sizes = [text_size(text, _TEXT, weight) for text, weight in zip(texts, weights, strict=True)]
    boxes = place(covered, sizes, lines, space)
    for text, (box, far), (x, y), weight in zip(texts, boxes, at, weights, strict=True):
        cx, cy = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        if far:
            axes.plot([x, min(max(x, box.left), box.right)], [y, cy], "-", color="0.5", lw=0.4, zorder=3)
        behind = {"boxstyle": "square,pad=0.0", "fc": "white", "ec": "none", "alpha": 0.75}
        axes.text(cx, cy, text, ha="center", va="center", fontsize=_TEXT, weight=weight, bbox=behind, zorder=6)


def _legend(figure: Figure, nodes: pl.DataFrame, arrows: pl.DataFrame, words: str, left_out: int, least: float) -> Any:
    from matplotlib.lines import Line2D

    def line(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **look)

    def node(label: str, shape: str, face: str) -> Line2D:
        return line(label, marker=shape, ls="", mfc=face, mec="black", mew=0.8, ms=6)

    relations, roles = arrows["relation"].unique(maintain_order=True).to_list(), dict.fromkeys(_roles(nodes))
    colours, dashes, looks = marks(relations), _dashes(arrows), marks(list(roles))
    entries = [
        line(printable(name, width=24), color=colours[name].colour, ls=dashes[name], lw=2.0) for name in relations
    ]
    entries += [line(f"{share:.0%} of the receiver's inputs", color="0.4", lw=_line(share)) for share in (0.1, 0.5)]
    entries += [node(printable(role, width=24), looks[role].shape, "0.8") for role in roles]
    if (nodes["kind"] == "others").any():
        entries.append(node("all others of a role in between", "o", "white"))
    if nodes["chokepoint"].any():
        entries.append(line(words, marker="o", ls="", mfc="none", mec="black", mew=1.3, ms=8))
    if left_out:
        entries.append(line(f"not drawn: {left_out:,} arrows under {least:.0%}", ls="", color="0.4"))
    columns = max(1, int(figure.get_size_inches()[0] / 1.7))
    return figure.legend(handles=entries, loc="lower center", ncols=columns, frameon=False, fontsize=6.5,
                         handlelength=1.6, columnspacing=1.0)  # fmt: skip
