"""Where does each record of a delimited text begin and end, and is it whole?

The grammar (docs/data.md, "Files and framing"): LF and CRLF end a line, a lone CR does so only
where ``lone`` says it (else, outside quotes, it makes the record bad); a cell is quoted when its first
byte is the quote; inside it two quotes are one, and line ends are text. The
result doesn't depend on where blocks end: whatever needs a byte that isn't there yet is left, from
the start of its record, to the next call.
"""

from __future__ import annotations

from typing import Any

from numba import types

from ecograph.cpu._jit import U1, I8w, U1w, b1, i8, jit

__all__ = ["BLANK", "LONE_CR", "LONG", "OK", "OPEN", "STRAY", "TOO_FEW", "TOO_MANY", "frame"]

OK, TOO_FEW, TOO_MANY, STRAY, OPEN, BLANK, LONG, LONE_CR = range(8)
_MORE, _END, _GIVE_UP = range(3)
_LF, _CR = 10, 13


@jit(types.UniTuple(i8, 2), U1, i8, b1, b1)
def _line_end(buf: Any, i: Any, final: Any, lone: Any) -> Any:
    """(bytes of the line end at i, whether that is sure); (0, True) where there is none."""
    if buf[i] == _LF:
        return 1, True
    if buf[i] != _CR:
        return 0, True
    if i + 1 < buf.size:
        return (2 if buf[i + 1] == _LF else 1 if lone else 0), True
    return 1, final


@jit(types.UniTuple(i8, 5), U1, i8, b1, b1, i8, i8, i8)
def _quoted(buf: Any, first: Any, final: Any, lone: Any, quote: Any, max_lines: Any, max_cell: Any) -> Any:
    """Read on from ``first``, the byte after an opening quote.

    -> (what happened, byte after the closing quote or where it gave up, line ends inside,
    first line end inside or -1, first byte of the line after that).
    """
    i, n, lines, stop, following = first, buf.size, 0, -1, -1
    while True:
        if i - first > max_cell:
            return _GIVE_UP, i, lines, stop, following
        if i >= n:
            return (_GIVE_UP if final else _MORE), i, lines, stop, following
        c = buf[i]
        if c == quote:
            if i + 1 >= n and not final:
                return _MORE, i, lines, stop, following
            if i + 1 >= n or buf[i + 1] != quote:
                return _END, i + 1, lines, stop, following
            i += 2
        elif c in (_LF, _CR):
            size, sure = _line_end(buf, i, final, lone)
            if not sure:
                return _MORE, i, lines, stop, following
            if not size:
                i += 1
                continue
            if stop < 0:
                stop, following = i, i + size
            lines += 1
            if lines >= max_lines:
                return _GIVE_UP, i, lines, stop, following
            i += size
        else:
            i += 1


@jit(i8, U1, b1, b1, i8, i8, i8, i8, i8, i8, I8w, I8w, I8w, I8w, I8w, U1w)
def frame(
    buf: Any, final: Any, lone: Any, delim: Any, quote: Any, width: Any, max_lines: Any, max_cell: Any, max_record: Any,
    state: Any, start: Any, stop: Any, line: Any, fields: Any, why: Any,
) -> Any:  # fmt: skip
    """Frame ``buf`` into records until it, or the room in the outputs, is used up; -> records found.

    Parameters
    ----------
    final : no byte follows ``buf``.
    lone : a CR that no LF follows ends a line; at the end of the text it always does.
    delim, quote : byte values; -1 = none.
    width : fields a record must have; -1 = any number.
    max_lines, max_cell : physical lines and bytes that a quoted cell may span.
    max_record : bytes a record may have, its line end not counted.
    state : (next physical line, 1 while the rest of an overlong line is passed over, bytes used).
    start, stop, line, fields, why : outputs, one entry a record.

    Notes
    -----
    A record given up (``OPEN``, ``LONG``) is its first physical line alone; the next one is framed
    afresh. Lines are read again only after a quote that no quote follows for ``max_lines`` lines or
    ``max_cell`` bytes, so no byte is looked at more than about twice on the whole: O(n).
    """
    n, k, i = buf.size, 0, 0
    number, passing = state[0], state[1]
    while i < n:
        if passing:
            while i < n and buf[i] != _LF and buf[i] != _CR:
                i += 1
            if i < n:
                size, sure = _line_end(buf, i, final, lone)
                if not sure:
                    break
                i += max(size, 1)
                if size:
                    number += 1
                    passing = 0
            continue
        if k == start.size:
            break
        s, nf, reason, lines, first_stop, following = i, 1, OK, 0, -1, -1
        limit = s + max_record
        bound = min(n, limit + 1)  # the byte at ``limit`` may be a line end
        status, size, opening = _MORE, 0, True
        while True:
            if i > limit:
                status, reason = _GIVE_UP, LONG
                break
            if i >= n:
                break
            if opening and buf[i] == quote:
                happened, i, inside, a, b = _quoted(buf, i + 1, final, lone, quote, max_lines, max_cell)
                if first_stop < 0:
                    first_stop, following = a, b
                if happened != _END:
                    status, reason = happened, OPEN
                    break
                lines += inside
                if reason == OK and i < n and buf[i] != delim and buf[i] != _LF and buf[i] != _CR:
                    reason = STRAY
                opening = False
                continue
            while i < bound and buf[i] != delim and buf[i] != _LF and buf[i] != _CR:
                i += 1
            if i >= bound:
                continue
            if buf[i] == delim:
                nf += 1
                i += 1
                opening = True
                continue
            size, sure = _line_end(buf, i, final, lone)
            if size or not sure:
                status = _END if sure else _MORE
                break
            if reason == OK:
                reason = LONE_CR
            i += 1
            opening = False
        if status == _MORE and not final:
            i = s
            break
        end, number_here = i, number
        if status == _GIVE_UP:
            if first_stop >= 0:
                end, i = first_stop, following
                number += 1
            else:
                passing = 1
        else:
            i += size
            number += lines + 1
            if end == s and width != 1:  # one empty cell is a whole row of a table of one column
                reason = BLANK
            elif reason == OK and width >= 0 and nf != width:
                reason = TOO_FEW if nf < width else TOO_MANY
        start[k], stop[k], line[k], fields[k], why[k] = s, end, number_here, nf, reason
        k += 1
    state[0], state[1], state[2] = number, passing, i
    return k
