"""What was made of objects that don't change is kept while they live, and found again by these very objects."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeVar

__all__ = ["DEVICE", "HOST", "Kept"]

T = TypeVar("T")


class _Entry(NamedTuple):
    of: tuple[weakref.ref[Any], ...]
    value: Any


class Kept:
    """At most ``most`` values, each for as long as all objects live that it was made of, which aren't held here.

    An object is told by what it is and not by its number alone, which another one may have after it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()  # the last used at the end

    def get(
        self, of: Sequence[Any], key: Hashable, make: Callable[[], T], keep: Callable[[T], bool] = lambda _: True
    ) -> T:
        """What ``make`` gave for these objects and this ``key``, or gives now; kept where ``keep`` says so of it.

        The value must not hold the objects, or they would live for as long as it.
        """
        full = (key, *map(id, of))
        try:
            entry = self._found.pop(full, None)
        except TypeError:  # a key that can't be looked for is one that ``make`` refuses
            return make()
        if entry is None or any(ref() is not each for ref, each in zip(entry.of, of, strict=True)):
            value = make()
            if not keep(value):
                return value
            found = self._found
            entry = _Entry(tuple(weakref.ref(each, lambda _: found.pop(full, None)) for each in of), value)
        self._found[full] = entry
        while len(self._found) > self.most:
            self.let_go()
        kept: T = entry.value
        return kept

    def let_go(self, using: Sequence[Any] = ()) -> bool:
        """Let go of the value that wasn't used for longest, but none of ``using``; False where there is none."""
        for full, entry in list(self._found.items()):
            if not any(entry.value is each for each in using):
                self._found.pop(full, None)
                return True
        return False

    def clear(self) -> None:
        """Let go of all."""
        self._found.clear()

    def __len__(self) -> int:
        return len(self._found)


HOST = Kept(2)  # graphs: metrics/tie_graph.py, and metrics/chains.py where sums are made on a device
DEVICE = Kept(16)  # their rows on a device: ecograph/gpu
