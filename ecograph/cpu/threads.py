"""Blocks of a serial kernel on several threads.

A ``parallel=True`` kernel takes Numba a second to compile, which the first call of all pays. Kernels hold no GIL, so
Python's own threads do as well where there are few and large blocks; each block writes what no other does.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from threading import Condition
from typing import Any, TypeVar

import numba

__all__ = ["Shared", "in_order", "over_blocks"]

T = TypeVar("T")
R = TypeVar("R")
WORTH = 1 << 18  # multiplications: below, handing blocks to threads (some 0.1 ms) costs more than it saves


def over_blocks(kernel: Any, blocks: int, work: int, *arguments: Any) -> None:
    """``kernel(b, *arguments)`` for every block b; ``work`` is about how many multiplications that takes in all."""
    single = blocks == 1 or work < WORTH or numba.config.DISABLE_JIT  # uncompiled, kernels would only queue for the GIL
    threads = 1 if single else min(blocks, numba.get_num_threads())
    if threads == 1:
        for b in range(blocks):
            kernel(b, *arguments)
        return
    futures = [_pool(threads).submit(kernel, b, *arguments) for b in range(blocks)]
    for future in futures:
        future.result()


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``function(item)`` for each item, on all threads, in the order of the items; few results wait at a time.

    Items are taken on the caller's thread; a generator of them is closed before this one ends.
    """
    threads = 1 if numba.config.DISABLE_JIT else numba.get_num_threads()
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            if threads == 1:
                yield function(item)
                continue
            waiting.append(_pool(threads).submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # nothing goes on working for a caller that gave up
        for future in waiting:
            future.cancel()
        wait(waiting)
        if isinstance(items, Generator):
            items.close()


class Shared:
    """What many threads may read, or one may change: whoever waits to change it lets no other begin to read.

    Examples
    --------
    >>> shared = Shared()
    >>> with shared.reading(), shared.reading():
    ...     pass
    >>> with shared.changing():
    ...     pass
    """

    def __init__(self) -> None:
        self._turn, self._readers, self._changing = Condition(), 0, False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing changes meanwhile. For a short time: who wants to change it waits."""
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            self._readers += 1
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else reads or changes meanwhile."""
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            self._changing = True
        try:
            with self._turn:
                self._turn.wait_for(lambda: self._readers == 0)
            yield
        finally:
            with self._turn:
                self._changing = False
                self._turn.notify_all()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="ecograph")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child has the pool but none of its threads
