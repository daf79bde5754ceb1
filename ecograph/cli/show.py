"""Tables and facts for a person, and the same for a machine. Nothing from data is read as markup or by a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ecograph.printable import printable

if TYPE_CHECKING:
    from ecograph.doctor import Finding
    from ecograph.ingest.report import IngestReport
    from ecograph.ledger import Ledger
    from ecograph.metrics.cascade_result import CascadeResult

__all__ = ["print_findings", "print_json", "print_ledger", "print_lines", "print_losses",
           "print_table"]  # fmt: skip

_WIDE = 100_000  # where no terminal sets a width nothing is folded


def print_json(facts: Any) -> None:
    """One JSON document on standard output, pure ASCII; NaN becomes the text "nan"."""
    from ecograph.provenance import plain

    json.dump(plain(facts), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_lines(text: str, *, error: bool = False) -> None:
    """Text of ours with data in it, a line a line."""
    for line in text.split("\n"):
        print(printable(line), file=sys.stderr if error else sys.stdout)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """A table that fits the terminal; ``right`` are the columns of numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else _WIDE
    console = Console(file=sys.stdout, width=width)
    table, numbers = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False), set(right)
    for i, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def print_ledger(ledger: Ledger, report: IngestReport | None) -> None:
    """The ranking, what one has to know about it, and what became of the rows read."""
    print_lines(ledger.title)
    ranks, ties = (["ranks"], ["ties"]) if ledger.has_intervals else ([], [])
    limits = [f"95 % of {ledger.by}"] if f"{ledger.by}_low" in ledger.table.columns else []
    heads = ["rank", *ranks, "id", "role", "group", *ledger.lenses, *limits, *ties]
    left = ("id", "role", "group", "ties")
    print_table(heads, [[_cell(name, row, ledger) for name in heads] for row in ledger.table.iter_rows(named=True)],
                right=[at for at, name in enumerate(heads) if name not in left])  # fmt: skip
    for remark in ledger.remarks():
        print_lines(remark)
    if report is not None:
        print_lines(str(report))


def _cell(name: str, row: dict[str, Any], ledger: Ledger) -> str:
    """One cell of an external resource; a rank that is shared ends in =."""
    match name:
        case "rank":
            return f"{row['rank']}{'=' if row['tied_with'] else ''}"
        case "ranks":
            return f"{row['rank_low']}-{row['rank_high']}"
        case "ties":
            return str(row["tie_group"])
        case "id" | "role" | "group":
            return "" if row[name] is None else printable(row[name], width=60)
        case _ if name in ledger.lenses:
            return _share(row[name])
        case _:
            return f"{_share(row[ledger.by + '_low'])} to {_share(row[ledger.by + '_high'])}"


def _share(value: float) -> str:
    return f"{value:.4f}" if value == 0 or value >= 1e-3 else f"{value:.2e}"


def print_losses(result: CascadeResult, conductor: str | None, report: IngestReport | None) -> None:
    """Losses by closure, what one has to know about them, and what became of the rows read."""
    whose = "the whole ecosystem" if conductor is None else printable(conductor, width=60)
    print_lines(f"Share lost by {whose}: in all, through inputs (down), through customers (up).")
    losses = ("total", "down", "up")
    rows = [[printable(row["closure"], width=60), *(_share(row[name]) for name in losses)]
            for row in result.table.iter_rows(named=True)]  # fmt: skip
    print_table(["closure", *losses], rows, right=[1, 2, 3])
    for note in (result.sentence, *result.notes):
        print_lines(note)
    if report is not None:
        print_lines(str(report))


def print_findings(findings: Sequence[Finding]) -> None:
    """What doctor found; what mends it stands below."""
    marks = {(True, True): "ok", (True, False): "ok", (False, True): "MISSING", (False, False): "without"}
    print_table(["", "what", "found"], [[marks[f.ok, f.needed], f.name, f.found] for f in findings])
    for finding in findings:
        if finding.remedy:
            print_lines(f"{finding.name}: {finding.remedy}")
