"""What the amounts of each relation are like, and so how they are added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.exact import digits_needed
from ecograph.cpu.reduce import NARROW, SCALES, survey

__all__ = ["Plan", "Survey"]

_NEVER = np.iinfo(np.int64).max


class Survey:
    """What the amounts of each relation are like, seen before any is added; relations are numbers as they come."""

    def __init__(self) -> None:
        self._biggest = np.zeros((0, SCALES), np.uint64)
        self._count = np.zeros(0, np.int64)
        self._lowest = self._highest = np.zeros(0, np.int64)

    def add(self, relation: NDArray[np.int16], mantissa: NDArray[np.int64], scale: NDArray[np.int8]) -> None:
        """Look at amounts mantissa / 10**scale (scale -1: the bits of a float64)."""
        more = int(relation.max(initial=-1)) + 1 - self._count.size
        if more > 0:
            self._biggest = np.concatenate([self._biggest, np.zeros((more, SCALES), np.uint64)])
            self._count = np.concatenate([self._count, np.zeros(more, np.int64)])
            self._lowest = np.concatenate([self._lowest, np.full(more, _NEVER)])
            self._highest = np.concatenate([self._highest, np.full(more, -_NEVER)])
        self._count += np.bincount(relation, minlength=self._count.size)
        with np.errstate(over="ignore"):  # minus the smallest int64 is meant
            survey(relation, mantissa, mantissa.view(np.float64), scale, self._biggest.reshape(-1), self._lowest,
                   self._highest)  # fmt: skip

    def plan(self, power: int) -> Plan:
        """How to sum the amounts (``power`` 1) or their squares (2) of each relation."""
        rules = [self._rule(k, power) for k in range(self._count.size)]
        width = max((digits_needed(power * low, power * high) for places, low, high in rules if places < 0), default=0)
        return Plan(power == 2, np.array([places for places, _, _ in rules], np.int8),
                    np.array([low if places < 0 else NARROW for places, low, _ in rules], np.int64), width)  # fmt: skip

    def _rule(self, k: int, power: int) -> tuple[int, int, int]:
        """(decimals, or -1 for wide; smallest and largest binary exponent there can be) of relation k."""
        sizes = [(s, int(m)) for s, m in enumerate(self._biggest[k]) if m]
        places = max((s for s, _ in sizes), default=0)
        most = max((m * 10 ** (places - s) for s, m in sizes), default=0)
        few = most < 2**62 if power == 1 else most < 2**63 and most**2 * int(self._count[k]) < 2**126
        if self._highest[k] == -_NEVER and few:
            return places, 0, 0
        low, high = int(self._lowest[k]), int(self._highest[k])
        for s, m in sizes:  # 1 / 10**s is the smallest amount with s decimals but zero; one bit for rounding up
            low, high = min(low, -(10**s).bit_length()), max(high, m.bit_length() - (10**s).bit_length() + 2)
        return -1, low - 53, high


@dataclass(frozen=True)
class Plan:
    """By relation: decimals (-1 = wide) and the binary exponent of a superaccumulator's unit; its digits."""

    square: bool
    places: NDArray[np.int8]
    unit: NDArray[np.int64]
    width: int

    def ranked(self, rank: NDArray[np.int16]) -> Plan:
        """The same with relation k at ``rank[k]``."""
        places, unit = np.zeros(rank.size, np.int8), np.full(rank.size, NARROW)
        places[rank[: self.places.size]] = self.places
        unit[rank[: self.unit.size]] = self.unit
        return Plan(self.square, places, unit, self.width)
