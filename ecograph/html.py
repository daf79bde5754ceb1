"""Values from data, made safe to show: on a terminal and in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as _escape

from ecograph.printable import printable

__all__ = ["details", "escape", "plain", "quoted"]

CUT = 80  # characters of one value that a person is shown
_LINE = 400  # characters of one line of facts


def plain(value: object, limit: int = CUT) -> str:
    """``printable`` text, cut short."""
    return printable(str(value)[: limit + 1], width=limit)


def quoted(values: Iterable[object], few: int = 5) -> str:
    """The first ``few`` values in quotes, and how many more there are.

    Examples
    --------
    >>> quoted(["a", "b", "c"], few=2)
    "'a', 'b' and 1 more"
    """
    shown = [f"'{plain(value)}'" for value in values]
    more = f" and {len(shown) - few} more" if len(shown) > few else ""
    return ", ".join(shown[:few]) + more


def escape(value: object, limit: int = CUT) -> str:
    """``plain`` text that can't leave its HTML element or attribute.

    Examples
    --------
    >>> escape('<b onclick="x">')
    '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return _escape(plain(value, limit), quote=True)


def details(title: str, facts: Sequence[tuple[object, object]]) -> str:
    """A heading and a two-column table; every title, name and value is escaped here."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value, _LINE)}</td></tr>" for name, value in facts)
    return f'<div class="ecograph"><strong>{escape(title)}</strong><table>{rows}</table></div>'
