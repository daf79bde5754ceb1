"""How every figure looks: sizes, colours and marks that survive print, greyscale and colour blindness.

Figures are made without pyplot, so no global state is touched and no window can open. The same
figure gives the same bytes: the SVG ids are salted with a constant and no date is written.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ecograph.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMN_WIDTH", "DOUBLE", "N_COLOURS", "SINGLE", "Mark", "marks", "page", "write"]

COLUMN_WIDTH = 5.5  # inches: one and a half columns of a journal page
SINGLE, DOUBLE = 3.4, 7.0  # one column, and the whole width of the page
_DPI = 300

# Okabe and Ito's colours in an order whose luminances alternate, each with a shape of its own: two
# roles that share a grey still differ in shape. M. Okabe, K. Ito, "Color Universal Design" (2008).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000")
N_COLOURS = len(_COLOURS)
_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

_RC = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.major.width": 0.6,
    "svg.hashsalt": "ecograph",
    "svg.fonttype": "none",  # text stays text: it can be searched, and any script keeps its letters
    "text.parse_math": False,  # a dollar sign in an id is a dollar sign
    "pdf.fonttype": 42,
}


class Mark(NamedTuple):
    """Colour and shape of one role."""

    colour: str
    shape: str


def marks(roles: Sequence[str]) -> dict[str, Mark]:
    """One mark a role, in order of first appearance; colour and shape repeat with different periods."""
    names = list(dict.fromkeys(roles))
    return {n: Mark(_COLOURS[i % len(_COLOURS)], _SHAPES[i % len(_SHAPES)]) for i, n in enumerate(names)}


@contextmanager
def page(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the house style; letters that the font lacks draw as boxes, without a warning."""
    import matplotlib
    from matplotlib.figure import Figure as Page

    with matplotlib.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield Page(figsize=(width, height), layout="constrained")


def write(figure: Figure, stem: Path, *, title: str, description: str) -> tuple[Path, ...]:
    """Write ``stem``.svg, .pdf and .png, each whole or not at all; the same figure gives the same bytes."""
    import matplotlib

    about = {
        "svg": {"Title": title, "Description": description, "Date": None},
        "pdf": {"Title": title, "Subject": description, "CreationDate": None},
        "png": {"Title": title, "Description": description},
    }
    with matplotlib.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        with _laid_out(figure):
            for kind, metadata in about.items():
                with atomic_path(Path(f"{stem}.{kind}")) as path:
                    figure.savefig(path, format=kind, dpi=_DPI, metadata=metadata)
    return tuple(Path(f"{stem}.{kind}") for kind in about)


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay the figure out once for all formats: savefig would do so, and draw everything twice, for each."""
    engine, dpi = figure.get_layout_engine(), figure.dpi
    if engine is None:
        yield
        return
    try:
        figure.dpi = _DPI
        engine.execute(figure)
        figure.set_layout_engine(None)
        yield
    finally:
        figure.dpi = dpi
        figure.set_layout_engine(engine)
