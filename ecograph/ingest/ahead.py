"""Read the next batches on another thread while this one works on what is there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")
_BATCHES = 2  # that wait at most
_PATIENCE = 0.1  # seconds after which a reader that waits looks whether it is still wanted


class _Reader(Generic[T]):
    """Runs an iterator to its end, its error, or until it is no longer wanted; its generators end on its thread."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self.found: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(_BATCHES)
        self.wanted = True

    def run(self) -> None:
        try:
            for item in self._items:
                if not self._put((item, None, False)):
                    return
            self._put((None, None, True))
        except BaseException as error:
            self._put((None, error, True))
        finally:
            if close := getattr(self._items, "close", None):
                close()

    def _put(self, one: tuple[T | None, BaseException | None, bool]) -> bool:
        while self.wanted:
            try:
                self.found.put(one, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order, and the same error in its place; made up to two ahead by another thread.

    Leaving early (an error, Ctrl-C) ends the other thread before this generator ends.

    Examples
    --------
    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    reader = _Reader(items)
    thread = threading.Thread(target=reader.run, name="ecograph-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = reader.found.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]  # None only where T allows it
    finally:
        reader.wanted = False
        thread.join()
