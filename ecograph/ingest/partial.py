"""Ties of some events, their sums not yet rounded: parts made one by one can be merged, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.reduce import round_narrow, round_wide, run_narrow, run_times, run_wide
from ecograph.cpu.sorting import radix_order, radix_sorted
from ecograph.ingest.layout import Columns
from ecograph.ingest.sums import Plan
from ecograph.ties import NO_TIME

__all__ = ["of_events", "summed"]

_KEYS = ("receiver", "provider", "relation", "period", "cluster")
_NAMES = ("weight", "weight_sq")
_LOW, _HALF = np.int64(0xFFFFFFFF), np.int64(32)
Plans = tuple[Plan, Plan]  # of amounts, of their squares


def summed(parts: Iterable[Columns], plans: Plans) -> Columns:
    """The columns of ``Ties``, in canonical order, of events that come in parts; each part has some."""
    stack: list[Columns] = []
    for events in parts:
        stack.append(of_events(events, plans))
        while len(stack) > 1 and 2 * _rows(stack[-1]) >= _rows(stack[-2]):  # so that a tie is merged O(log) times
            stack[-2:] = [_merged(*stack[-2:])]
    return _rounded(reduce(_merged, reversed(stack)), plans)


def _rows(part: Columns) -> int:
    return int(part["count"].size)


def of_events(events: Columns, plans: Plans) -> Columns:
    """A part: keys, count, first, last, and for each sum its 128 bits and, of wide relations, its digits."""
    order, starts = _runs(events)
    n = starts.size - 1
    part = {name: events[name][order[starts[:-1]]] for name in _KEYS if name in events}
    part |= {name: np.empty(n, np.int64) for name in ("count", "first", "last")}
    run_times(order, starts, events["time"], part["count"], part["first"], part["last"])
    amounts = events["relation"], events["mantissa"]
    for name, plan in zip(_NAMES, plans, strict=True):
        high, low = np.empty(n, np.int64), np.empty(n, np.uint64)
        run_narrow(order, starts, *amounts, events["scale"], plan.places, plan.square, high, low)
        part |= {f"{name} high": high, f"{name} low": low}
        if plan.width:
            digits = np.zeros(n * plan.width, np.int64)
            run_wide(order, starts, *amounts, amounts[1].view(np.float64), events["scale"], plan.unit, plan.square,
                     plan.width, digits)  # fmt: skip
            part[f"{name} digits"] = digits.reshape(n, plan.width)
    return part


def _runs(rows: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions that sort rows by their keys, stable, and where each run of equal keys starts (and the last ends)."""
    n, words, used = rows["receiver"].size, list[NDArray[np.uint64]](), 64
    for name in reversed(_KEYS):
        values = rows.get(name)
        if values is None or (values == values[0]).all():
            continue
        low = int(values.min())
        bits = (int(values.max()) - low).bit_length()
        if used + bits > 64:  # the keys before it have filled their word
            words.append(np.zeros(n, np.uint64))
            used = 0
        words[-1] |= (values.astype(np.int64) - low).view(np.uint64) << np.uint64(used)
        used += bits
    order = None
    for word in words[:-1]:
        order = radix_order(word, order)
    new = np.zeros(n, np.bool_)
    if words:
        last, order = radix_sorted(words[-1], order)
        for word in (*(word[order] for word in words[:-1]), last):
            new[1:] |= word[1:] != word[:-1]
    new[0] = True
    return np.arange(n) if order is None else order, np.append(np.flatnonzero(new), n)


def _merged(a: Columns, b: Columns) -> Columns:
    """One part of two."""
    rows = {name: np.concatenate([values, b[name]]) for name, values in a.items()}
    order, starts = _runs(rows)
    first = starts[:-1]
    rows = {name: values[order] for name, values in rows.items()}
    part = {name: rows[name][first] for name in _KEYS if name in rows}
    part["count"] = np.add.reduceat(rows["count"], first)
    part["last"] = np.maximum.reduceat(rows["last"], first)  # NO_TIME is the smallest integer: it loses
    never = np.iinfo(np.int64).max
    least = np.minimum.reduceat(np.where(rows["first"] == NO_TIME, never, rows["first"]), first)
    part["first"] = np.where(least == never, NO_TIME, least)
    for name in _NAMES:
        low = rows[f"{name} low"].view(np.int64)
        limbs = np.stack([low & _LOW, (low >> _HALF) & _LOW, rows[f"{name} high"]], 1)
        limbs = _carried(np.add.reduceat(limbs, first))
        part[f"{name} high"] = limbs[:, 2].copy()
        part[f"{name} low"] = (limbs[:, 0] | limbs[:, 1] << _HALF).view(np.uint64)
        if f"{name} digits" in rows:
            part[f"{name} digits"] = _carried(np.add.reduceat(rows[f"{name} digits"], first))
    return part


def _carried(limbs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of limbs of 32 bits, the last one signed, that may hold more: nothing but the last does afterwards."""
    for k in range(limbs.shape[1] - 1):
        limbs[:, k + 1] += limbs[:, k] >> _HALF
        limbs[:, k] &= _LOW
    return limbs


def _rounded(part: Columns, plans: Plans) -> Columns:
    relation = part["relation"]
    out: dict[str, NDArray[Any]] = {name: part[name] for name in (*_KEYS, "count", "first", "last") if name in part}
    for name, plan in zip(_NAMES, plans, strict=True):
        out[name] = np.zeros(relation.size)
        round_narrow(relation, plan.places, plan.square, part[f"{name} high"], part[f"{name} low"], out[name])
        if plan.width:
            digits = part[f"{name} digits"].reshape(-1)
            round_wide(relation, plan.unit, plan.square, plan.width, digits, out[name])
    return out
