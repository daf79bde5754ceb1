"""How can text from data be shown to a person without doing anything to their terminal?"""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: object, *, width: int | None = None) -> str:
    r"""``str(text)`` with every character that can't be seen written as an escape, cut at ``width`` characters.

    Control characters could move the cursor or colour a terminal, format characters (U+202E) reorder what is
    read; both are data here. The result is one line, whatever the text holds.

    Examples
    --------
    >>> printable("ojek\x1b[31m \u202e12\n")
    'ojek\\x1b[31m \\u202e12\\n'
    >>> printable("warung" * 10, width=12)
    'warungwarun…'
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return shown if width is None or len(shown) <= width else shown[: width - 1] + "…"
