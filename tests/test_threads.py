"""Blocks handed to threads are each worked on once, and a block that fails is heard of."""

from __future__ import annotations

import multiprocessing
import threading

import numba
import numpy as np
import pytest

from ecograph.cpu.threads import WORTH, over_blocks


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
