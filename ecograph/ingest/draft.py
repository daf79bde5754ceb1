"""The text of a first mapping: TOML to edit, with what speaks for each line beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ecograph.ingest.batch import Dialect
from ecograph.ingest.ends import End, Ends
from ecograph.ingest.evidence import Evidence
from ecograph.ingest.look import Look
from ecograph.ingest.names import CARRIERS
from ecograph.mapping import Amount, Time
from ecograph.printable import printable

__all__ = ["Draft", "write_draft"]

_SHOWN = 60
_UNITS = {"Rp": "IDR", "Rp.": "IDR", "$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR",
          "R$": "BRL", "RM": "MYR", "S$": "SGD"}  # fmt: skip
_CHOOSE = "CHOOSE"


@dataclass(frozen=True)
class Draft:
    """What was found, ready to be written; times and amounts with the likeliest first."""

    name: str
    rows: int
    format: str | None
    dialect: Dialect
    on_dialect: tuple[Evidence, ...]
    looks: tuple[Look, ...]
    ends: tuple[Ends, ...]
    times: tuple[Look, ...]
    amounts: tuple[Look, ...]


def write_draft(draft: Draft) -> tuple[str, tuple[str, ...]]:
    """The mapping as TOML text, and what only the user can choose."""
    choices: list[str] = []
    blocks = [_head(draft), _columns(draft), _top(draft), _time(draft, choices), _dialect(draft)]
    blocks += [_ties(draft, ends, choices) for ends in draft.ends]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n", tuple(dict.fromkeys(choices))


def _head(draft: Draft) -> list[str]:
    name = printable(draft.name, width=120)
    return [
        f"# A first mapping for {name}, guessed from its first {draft.rows:,} rows. Look it through, edit it, then",
        f"# `ecograph check {name} --mapping THIS_FILE`.",
        "# Value flows from provider to receiver: swap the two where it is the receiver that gives.",
    ]


def _columns(draft: Draft) -> list[str]:
    lines = [f"#   {_bare(look.name)}: {look.evidence}" for look in draft.looks[:_SHOWN]]
    left = len(draft.looks) - len(lines)
    return ["# The columns:", *lines, *([f"#   and {left:,} more"] if left else [])]


def _top(draft: Draft) -> list[str]:
    return [f"format = {_quoted(draft.format)}  # the name of the file doesn't say"] if draft.format else []


def _dialect(draft: Draft) -> list[str]:
    d, usual = draft.dialect, Dialect()
    lines = [f"# {evidence}" for evidence in draft.on_dialect]
    said = []
    if d.delimiter is not None:
        said.append(f"delimiter = {_quoted(d.delimiter)}")
    if d.quote != usual.quote:
        said.append(f"quote = {_quoted(d.quote or '')}")
    if d.encoding is not None:
        said.append(f"encoding = {_quoted(d.encoding)}")
    if d.columns is not None:
        said += ["header = false", f"columns = [{', '.join(map(_quoted, d.columns))}]  # name them"]
    return [*lines, "[dialect]", *said] if said else lines


def _time(draft: Draft, choices: list[str]) -> list[str]:
    if not draft.times:
        return []
    look, others = draft.times[0], [_bare(look.name) for look in draft.times[1:]]
    assert look.time is not None
    lines = ["# When it happened; other columns of times: " + ", ".join(others)] if others else ["# When it happened."]
    if look.time.missing:
        reason = f"These times leave out {look.time.missing}; to use them, put it into prefix and take the # away."
        wraps = "# not_before = COLUMN  # one that comes earlier in a row, where days wrap past the end of the month"
        said = [f"# {line}" for line in ["[time]", *_time_lines(look.time.choices[0])]]
        return [*lines, f"# {reason}", *said, *([wraps] if others else [])]
    lines += ["[time]", *_time_lines(look.time.choices[0])[:1]]
    if len(look.time.choices) > 1:
        sample = look.evidence.samples[0]
        choices.append(f"{_bare(look.name)}: no value tells day from month (such as {sample})")
        lines += [f"# {_CHOOSE}: no value tells day from month; take one # away (it is refused as it stands):"]
        lines += [f"# format = {_quoted(str(choice.format))}" for choice in look.time.choices]
    else:
        lines += _time_lines(look.time.choices[0])[1:]
    zone = 'zone = "UTC"  # assumed: the values say none; "Asia/Jakarta", for example, where they are local'
    return [*lines, *([] if look.time.offset or look.time.choices[0].epoch else [zone])]


def _time_lines(time: Time) -> list[str]:
    said = {"column": time.column, "format": time.format, "prefix": time.prefix or None, "epoch": time.epoch}
    return [f"{key} = {_quoted(value)}" for key, value in said.items() if value is not None]


def _ties(draft: Draft, ends: Ends, choices: list[str]) -> list[str]:
    relation = ends.provider.role or "tie"
    lines = ["[[ties]]", f"relation = {_quoted(relation)}"]
    lines += [f"# {ends.provider.why}", f"provider = {_end(ends.provider)}"]
    lines += [f"# {ends.receiver.why}", f"receiver = {_end(ends.receiver)}"]
    lines += _amount(draft, ends, choices)
    via = '# via = { constant = "conductor", role = "platform" }  # where a platform orchestrates each of these'
    return [*lines, via] if ends.provider.column and ends.receiver.column else lines


def _end(end: End) -> str:
    if end.column is None:
        return '{ constant = "conductor" }'
    role = f", role = {_quoted(end.role)}" if end.role else ""
    return f"{{ column = {_quoted(end.column)}{role} }}"


def _amount(draft: Draft, ends: Ends, choices: list[str]) -> list[str]:
    """The likeliest column; of several providers in a row those who carry give the ride, not the goods."""
    others = [look.name for look in draft.amounts]
    carries = ends.provider.role in CARRIERS and any(e.provider.role not in CARRIERS for e in draft.ends)
    if not others or carries:
        could = f"; or amount = one of {', '.join(map(_quoted, others))}" if others else ""
        return [f"# each row counts as 1{could}"]
    look = draft.amounts[0]
    assert look.number is not None
    lines = [f"# also columns of amounts: {', '.join(map(_quoted, others[1:]))}"] if others[1:] else []
    currency = look.number.choices[0].currency
    unit = f"unit = {_quoted(_UNITS.get(currency or '', currency or look.name))}  # name it: USD, IDR, km, ..."
    if len(look.number.choices) == 1:
        return [*lines, f"amount = {_inline(look.number.choices[0])}", unit]
    mark = "." if look.number.choices[0].thousands == "." else ","
    choices.append(f"{_bare(look.name)}: {look.number.seen}: is 20{mark}000 twenty or twenty thousand?")
    lines += [f"# {_CHOOSE}: {look.number.seen}. Put one of these two in place of the line below them:"]
    for choice in look.number.choices:
        lines.append(f"# amount = {_inline(choice)}  # 20{mark}000 is {'20 000' if choice.thousands else '20'}")
    plain = Amount(look.name, currency=currency)
    return [*lines, f"amount = {_inline(plain)}  # refused as it stands", unit]


def _inline(amount: Amount) -> str:
    said = {
        "column": amount.column,
        "decimal": amount.decimal,
        "thousands": amount.thousands,
        "currency": amount.currency,
    }
    return f"{{ {', '.join(f'{key} = {_quoted(value)}' for key, value in said.items() if value is not None)} }}"


def _quoted(text: str) -> str:
    """A TOML string on one line; what can't be seen (U+202E turns a line round) is escaped."""
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in json.dumps(text, ensure_ascii=False))


def _escape(point: int) -> str:
    return f"\\u{point:04x}" if point < 1 << 16 else f"\\U{point:08x}"


def _bare(name: str) -> str:
    return printable(name, width=60)
