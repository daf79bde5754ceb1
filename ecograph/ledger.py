"""The ranked external resources of a conductor: a table, what it rests on, and ways out."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import Any

import polars as pl

from ecograph.atomic import atomic_path
from ecograph.html import escape, plain

__all__ = ["NAMED", "Certificate", "Ledger"]

NAMED = 20  # ids of tied ones that a row names; the notes say how many there are


@dataclass(frozen=True)
class Certificate:
    """Why the candidates shown are the right ones."""

    lens: str  # the ranking it is about
    lowest: float  # lower bound of the last one shown
    outside: float | None  # upper bound of all candidates not shown; None: there are none
    solved: int  # candidates solved one by one
    bound: float  # no value shown is further below the true one
    unique: bool  # no other set of this size would do as well
    proved: bool = True  # False: ``bound`` is where rounds stopped, and says nothing of what is left

    @property
    def sentence(self) -> str:
        """The certificate in words."""
        if self.outside is None:
            what = "All candidates are shown"
        elif self.unique:
            what = f"No other candidate exceeds {self.outside:.6g}; the last one shown has at least {self.lowest:.6g}"
        else:
            what = (
                f"The set is not unique: the last one shown has {self.lowest:.6g} and others may have as much "
                f"(none more than {self.outside:.6g}); equal values are ordered by id"
            )
        solved = f"; {self.solved:,} candidates solved one by one" if self.solved else ""
        if not self.proved:
            return f"{what}; values are those at which a round changed no more than {self.bound:.1g}{solved}."
        return f"{what}; values are exact to {self.bound:.1g}{solved}."


@dataclass(frozen=True, eq=False, repr=False)
class Ledger:
    """What ``ecograph.reliance`` found: one row an external resource, best first.

    Parameters
    ----------
    table : columns rank (competition ranks: 1, 2, 2, 4), id, role, group, one column a lens in [0, 1], and
        tied_with: ids of others whose values can't be told apart (the first 20 by id). With intervals also
        rank_low, rank_high, p_top, 95 % limits of each lens (``reach_low``, ``reach_high``), and tie_group.
    conductor : whose reliance it is.
    by : the lens that ranks; "first_round" where reach is counted until chains come back to the conductor.
    lenses : the lens columns of the table.
    notes : what a reader has to know, one sentence each.
    certificate : why these are the right ones.
    agreement : Kendall's tau-b between lenses over the rows shown, NaN where a lens is constant; None for one
        lens or a one-step ecosystem.
    n_external : external resources of the conductor, whatever their role.
    n_candidates : those that were ranked: of the role asked for.
    provenance : parameters, device, solver, and where the ecosystem came from.
    """

    table: pl.DataFrame
    conductor: str
    by: str
    lenses: tuple[str, ...]
    notes: tuple[str, ...]
    certificate: Certificate
    agreement: pl.DataFrame | None
    n_external: int
    n_candidates: int
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows are shown."""
        return self.table.height

    @property
    def title(self) -> str:
        """What the table is, in one line."""
        of = f"{len(self):,} of {self.n_candidates:,}"
        return f"What {plain(self.conductor)} relies on, by {self.by} ({of} external resources)"

    def __repr__(self) -> str:
        rows = [self._head(), *self._cells()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        sides = ["ljust" if name in ("id", "role", "group", "ties") else "rjust" for name in self._head()]
        lines = (
            "  ".join(getattr(cell, side)(width) for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
            for row in rows
        )
        return "\n".join([self.title, *lines, *self.remarks()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self._head())
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._cells(limit=80)
        )
        remarks = "".join(f"<li>{escape(remark, 600)}</li>" for remark in self.remarks())
        return (
            f'<div class="ecograph"><strong>{escape(self.title, 200)}</strong><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table><ul>{remarks}</ul></div>"
        )

    @property
    def has_intervals(self) -> bool:
        """Do the rows say how sure they are?"""
        return "rank_low" in self.table.columns

    def _head(self) -> list[str]:
        """Names of the columns that text and HTML show."""
        limits = [f"95 % of {self.by}"] if f"{self.by}_low" in self.table.columns else []
        ranks, ties = (["ranks"], ["ties"]) if self.has_intervals else ([], [])
        return ["rank", *ranks, "id", "role", "group", *self.lenses, *limits, *ties]

    def _cells(self, limit: int = 40) -> list[list[str]]:
        """Rows as text, one cell for each name of the head; a rank that is shared ends in =."""
        return [[self._cell(name, row, limit) for name in self._head()] for row in self.table.iter_rows(named=True)]

    def _cell(self, name: str, row: dict[str, Any], limit: int) -> str:
        match name:
            case "rank":
                return f"{row['rank']}{'=' if row['tied_with'] else ''}"
            case "ranks":
                return f"{row['rank_low']}-{row['rank_high']}"
            case "ties":
                return str(row["tie_group"])
            case "id" | "role" | "group":
                return "" if row[name] is None else plain(row[name], limit)
            case _ if name in self.lenses:
                return f"{row[name]:.6g}"
            case _:
                return f"{row[self.by + '_low']:.4g} to {row[self.by + '_high']:.4g}"

    def remarks(self) -> list[str]:
        """What one has to know about the table, a sentence each: notes, certificate, agreement of lenses."""
        out = [*self.notes, self.certificate.sentence]
        if self.agreement is not None:
            names = self.agreement["lens"].to_list()
            constant = [a for i, a in enumerate(names) if isnan(self.agreement[a][i])]  # agrees not even with itself
            there = [a for a in names if a not in constant]
            pairs = [f"{a}-{b} {self._tau(a, b):.3f}" for i, a in enumerate(there) for b in there[i + 1 :]]
            same = f" {', '.join(constant)}: the same for all, so nothing to compare." if constant else ""
            told = ", ".join(pairs) or "none to show"
            out.append(f"Agreement of lenses (Kendall's tau-b over the {len(self):,} shown): {told}.{same}")
        return out

    def _tau(self, a: str, b: str) -> float:
        assert self.agreement is not None
        return float(self.agreement[b][self.agreement["lens"].to_list().index(a)])

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as an Arrow stream, for any library that takes one."""
        return self.table.__arrow_c_stream__(requested_schema)

    def plot(self, **options: Any) -> Any:
        """Draw the ledger; see ``ecograph.figures.ledger.draw``."""
        from ecograph.figures.ledger import draw

        return draw(self, **options)

    def plot_agreement(self, **options: Any) -> Any:
        """Draw how far the lenses agree; see ``ecograph.figures.agreement.draw``."""
        from ecograph.figures.agreement import draw

        return draw(self, **options)

    # Files, whole or not at all

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table as Parquet; an existing file is replaced once the new one is whole."""
        with atomic_path(path) as temporary:
            self.table.write_parquet(temporary)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table as CSV (UTF-8); ``tied_with`` holds a JSON list."""
        tied = [json.dumps(ids, ensure_ascii=False) for ids in self.table["tied_with"].to_list()]
        with atomic_path(path) as temporary:
            self.table.with_columns(pl.Series("tied_with", tied, dtype=pl.String)).write_csv(temporary)

    def write_latex(self, path: str | os.PathLike[str]) -> None:
        """Write the table as a LaTeX ``tabular``; whatever LaTeX would read as a command is escaped."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.to_latex(), encoding="utf-8")

    def to_latex(self) -> str:
        """A LaTeX ``tabular`` without packages; text in other scripts needs XeLaTeX or LuaLaTeX."""
        columns = "".join("l" if name in ("id", "role", "group", "ties") else "r" for name in self._head())
        rows = [self._head(), *self._cells(limit=80)]
        lines = [" & ".join(map(_latex, row)) + r" \\" for row in rows]
        head = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", lines[0], r"\hline"]
        return "\n".join([*head, *lines[1:], r"\hline", r"\end{tabular}", ""])

    def facts(self) -> dict[str, Any]:
        """Everything but the table, ready for JSON."""
        return {
            "conductor": self.conductor,
            "by": self.by,
            "lenses": list(self.lenses),
            "n_external": self.n_external,
            "n_candidates": self.n_candidates,
            "notes": list(self.notes),
            "certificate": asdict(self.certificate) | {"sentence": self.certificate.sentence},
            "provenance": self.provenance,
        }


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
          ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}", "`": r"\textasciigrave{}",
          "-": r"{-}", "'": r"{'}", "[": "{[}", "]": "{]}", **{c: f"\\{c}" for c in "&%$#_{}"}}  # fmt: skip


def _latex(text: str) -> str:
    """Text that LaTeX sets as it stands; single marks in braces can't join to dashes, quotes or options."""
    return "".join(_LATEX.get(c, c) for c in text)
