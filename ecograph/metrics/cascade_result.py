"""What a cascade came to, and how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ecograph.html import escape

__all__ = ["CascadeResult"]


@dataclass(frozen=True, eq=False, repr=False)
class CascadeResult:
    """Losses of every shock asked about, with the work behind each.

    Parameters
    ----------
    table : one row a shock: who (``id``, or ``closure``), ``total``, ``down``, ``up`` in [0, 1], and of that shock
        ``iterations`` (rounds), ``residual`` (largest change of a capacity in the last round) and ``error_bound``
        (no capacity is further above its limit; null: no bound was found).
    notes : what a reader has to know: warnings, and the rule used.
    provenance : parameters, relations and where the data came from.
    """

    table: pl.DataFrame
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def iterations(self) -> int:
        """The most rounds that a shock took."""
        return int(self.table["iterations"].cast(pl.Int64).to_numpy().max(initial=0))

    @property
    def residual(self) -> float:
        """The largest residual of all shocks."""
        return float(self.table["residual"].to_numpy().max(initial=0.0))

    @property
    def error_bound(self) -> float | None:
        """The largest error bound, or None where a shock has none."""
        bounds = self.table["error_bound"]
        return None if bounds.null_count() else float(bounds.to_numpy().max(initial=0.0))

    def facts(self) -> dict[str, Any]:
        """The work behind the table, for machines."""
        return {
            "iterations": self.iterations, "residual": self.residual, "error_bound": self.error_bound,
            "notes": list(self.notes), "parameters": self.provenance.get("parameters"),
        }  # fmt: skip

    @property
    def sentence(self) -> str:
        """The work behind the table, for people."""
        return self._facts()

    def _facts(self) -> str:
        bound = "no error bound" if self.error_bound is None else f"error at most {self.error_bound:.1g}"
        return (
            f"{self.table.height:,} shocks; at most {self.iterations:,} rounds, residual {self.residual:.1g}, {bound}."
        )

    def __repr__(self) -> str:
        return "\n".join([str(self.table), self._facts(), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in (self._facts(), *self.notes))
        return f"<div>{self.table._repr_html_()}{notes}</div>"
