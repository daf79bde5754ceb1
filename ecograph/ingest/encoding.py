"""In which encoding is a text written?"""

from __future__ import annotations

import codecs
import re

from ecograph.ingest.evidence import Evidence
from ecograph.ingest.transcode import BOMS
from ecograph.printable import printable

__all__ = ["detect_encoding"]

_WIDE: dict[tuple[int, ...], str] = {
    (0, 1, 1, 1): "utf-32-le",
    (1, 1, 1, 0): "utf-32-be",
    (0, 1, 0, 1): "utf-16-le",
    (1, 0, 1, 0): "utf-16-be",
}
_OTHERS = ("cp1250", "cp1251", "shift_jis", "gb18030")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


def detect_encoding(head: bytes) -> tuple[str | None, Evidence]:
    r"""An encoding to write into a mapping (None = needn't be said) and what speaks for it.

    Bytes that aren't UTF-8 say little about what they are instead, so the evidence shows the same word as each of
    several encodings would have it.

    Examples
    --------
    >>> detect_encoding("Café".encode())[0] is None
    True
    >>> detect_encoding("Caf\u00e9 1".encode("cp1252"))[0]
    'cp1252'
    >>> detect_encoding("a,b".encode("utf-16-le"))[0]
    'utf-16-le'
    """
    if mark := next((name for mark, name in BOMS if head.startswith(mark)), None):
        return None, _evidence(mark, "the file begins with its mark (BOM)")
    if wide := _without_mark(head):
        return wide, _evidence(wide, "zero bytes stand where this encoding has them; the file has no mark (BOM)")
    if head.isascii():
        return None, _evidence("utf-8", f"the first {len(head):,} bytes are ASCII")
    valid, invalid = _utf8(head)
    if not invalid:
        return None, _evidence("utf-8", f"the first {len(head):,} bytes are valid, {valid:,} characters beyond ASCII")
    if valid > invalid:
        return None, _evidence("utf-8", f"{valid:,} characters beyond ASCII are valid, {invalid:,} places are not")
    name = "cp1252" if _decodes(head, "cp1252") else "latin-1"
    line = head.count(b"\n", 0, _first_odd(head)) + 1
    seen = f"not UTF-8 (line {line}); check the letters: {_readings(head, name)}"
    return name, Evidence("dialect", f"encoding {name}", seen)


def _evidence(name: str, seen: str) -> Evidence:
    return Evidence("dialect", f"encoding {name}", seen)


def _without_mark(head: bytes) -> str | None:
    """UTF-16 and UTF-32 of mostly ASCII text: zeros in the same one, two or three of every four bytes."""
    quarter = len(head) // 4
    if not quarter:
        return None
    zeros = [head[i : 4 * quarter : 4].count(0) for i in range(4)]
    return _WIDE.get(tuple(int(2 * count > quarter) for count in zeros))


def _utf8(head: bytes) -> tuple[int, int]:
    """(valid characters beyond ASCII, invalid places); a last character that is cut is neither."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=False)
    written = head.count("\ufffd".encode())
    return len(text) - len(text.encode("ascii", "ignore")) - text.count("\ufffd"), text.count("\ufffd") - written


def _decodes(head: bytes, name: str) -> bool:
    try:
        head.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _first_odd(head: bytes) -> int:
    found = _NOT_ASCII.search(head)
    return found.start() if found else 0


def _readings(head: bytes, chosen: str) -> str:
    """The word around the first byte beyond ASCII, as several encodings have it."""
    at = _first_odd(head)
    word = re.search(rb"[^\s,;|\x00-\x1f]*$", head[max(at - 20, 0) : at])
    start = at - len(word[0]) if word else at
    end = re.compile(rb"[\s,;|\"\x00-\x1f]|$").search(head, at)
    piece = head[start : min(end.start() if end else at + 1, start + 40)]
    return ", ".join(f"{name} '{printable(piece.decode(name, 'replace'))}'" for name in (chosen, *_OTHERS))
