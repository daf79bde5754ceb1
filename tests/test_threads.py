"""Blocks handed to threads are each worked on once, and a block that fails is heard of."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator

import numba
import numpy as np
import pytest

from ecograph.cpu.threads import WORTH, Shared, in_order, over_blocks


@pytest.mark.parametrize("work", [0, WORTH])
@pytest.mark.parametrize("blocks", [0, 1, 2, 9])
def test_each_block_once(blocks: int, work: int) -> None:
    out = np.zeros(9, np.int64)

    def kernel(b: int, by: int) -> None:
        out[b] += by

    over_blocks(kernel, blocks, work, 3)
    np.testing.assert_array_equal(out, 3 * (np.arange(9) < blocks))


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba is held to one thread here")
def test_two_blocks_are_worked_on_at_once_where_that_pays() -> None:
    both = threading.Barrier(2, timeout=20)  # breaks unless two threads wait
    over_blocks(lambda b: both.wait(), 2, WORTH)


@pytest.mark.parametrize("work", [0, WORTH])
def test_a_block_that_fails_is_heard_of(work: int) -> None:
    def kernel(b: int) -> None:
        if b == 1:
            raise MemoryError("block 1")

    with pytest.raises(MemoryError, match="block 1"):
        over_blocks(kernel, 4, work)


def in_child() -> None:
    seen: list[int] = []
    over_blocks(seen.append, 2, WORTH)
    assert sorted(seen) == [0, 1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    in_child()  # so that there is a pool to inherit
    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    child.join(30)
    hung = child.is_alive()
    child.kill()
    assert not hung
    assert child.exitcode == 0


@pytest.mark.parametrize("threads", [1, numba.config.NUMBA_NUM_THREADS])
def test_results_come_in_order_and_the_items_are_closed(threads: int) -> None:
    ended: list[int] = []

    def items() -> Iterator[int]:
        try:
            yield from range(50)
        finally:
            ended.append(threading.get_ident())

    def slow(i: int) -> int:
        time.sleep(0.002 * (i % 3 == 0))
        if i == 30:
            raise MemoryError("item 30")
        return i

    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    found: list[int] = []
    try:
        with pytest.raises(MemoryError, match="item 30"):
            found.extend(in_order(slow, items()))
        assert found == list(range(30))
        assert ended == [threading.get_ident()]
    finally:
        numba.set_num_threads(before)


def test_nobody_reads_while_it_is_changed_and_whoever_changes_it_gets_a_turn() -> None:
    shared, pair, stop, torn = Shared(), [0, 0], threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            with shared.reading():
                before = tuple(pair)
                time.sleep(1e-4)
                if (pair[0], pair[0]) != tuple(pair) or before != tuple(pair):
                    torn.append(before)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    try:
        for i in range(1, 100):  # three that read all the time don't keep it out
            with shared.changing():
                pair[0] = i
                time.sleep(0)
                pair[1] = i
    finally:
        stop.set()
        for thread in readers:
            thread.join(20)
    assert not torn
    assert pair == [99, 99]
