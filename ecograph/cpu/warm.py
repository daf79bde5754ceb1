"""Compile the kernels of ``ecograph rank`` in other processes than the one that waits for them.

The first call of all compiles some forty kernels, one after the other: Numba holds a lock. So helpers of that call take
them from the last backwards and leave them in the cache, where the call finds them when it gets there. Nothing hangs
on a helper: what isn't in the cache yet is compiled where it is needed.

    python -m ecograph.cpu.warm        compile all of them now (scripts/setup.sh does)
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from ecograph.cpu._kept import PATIENCE, cached
from ecograph.helper import cores, start

__all__ = ["KERNELS", "helpers"]

# What ranking a Parquet file by reach with intervals compiles, in the order in which that is done; a test compares.
_NAMES = """
    decimals._decimals_of_floats table.find_rows table.add_rows table.gather_texts table.refill_codes
    reduce.survey sorting._deal tally.read_rows tally.join_keys sorting._word_pass sorting._mend_order
    tally.add_runs operator._relations_there csr._starts operator._count_arrows operator._inflows
    rooted._breadth_order rooted._fill_in_order rooted.pass_on rooted.stretch_passed rooted._pass_all
    components._strong_components components._leaving operator._shares components._count_rows
    components._fill_rows components._flip_rows chains._sweep_block chains.stretch_block chains._residual_block
    operator._fill_events covariance._block ranks._factor draws._normal_rows ranks._covary ranks._largest
    ranks._above_and_below agreement._inversions
"""
KERNELS = _NAMES.split()
_MOST = 3  # helpers: each takes half a second to begin


@contextmanager
def helpers() -> Iterator[None]:
    """Let other processes compile ahead while the block runs, where kernels are missing and there are cores."""
    kept = cached()
    wanted = 0 if kept is None or kept >= len(KERNELS) else min(_threads() - 1, _MOST)
    started = [_start(first, wanted) for first in range(wanted)]
    try:
        yield
    finally:
        for process in started:
            process.terminate()  # what it hasn't finished by now nobody waited for
        for process in started:
            process.wait()


def _threads() -> int:
    """As many as Numba will have, none where it is switched off; to ask Numba would take a third of a second."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return 0
    return int(os.environ.get("NUMBA_NUM_THREADS") or cores())


def _start(first: int, step: int) -> subprocess.Popen[bytes]:
    """One that compiles every ``step``-th kernel."""
    return start("ecograph.cpu.warm", str(first), str(step))


def _compile(names: Sequence[str], patience: float = PATIENCE) -> None:
    """What another process is at longer than ``patience`` is left to it."""
    for name in names:
        module, _, kernel = name.partition(".")
        getattr(import_module(f"ecograph.cpu.{module}"), kernel).compile_now(patience, must=False)


def main(arguments: Sequence[str]) -> None:
    """All, or every so manieth from the end."""
    if arguments:
        first, step = map(int, arguments)
        _compile(KERNELS[::-1][first::step], patience=0)
        return
    with helpers():
        _compile(KERNELS)


if __name__ == "__main__":
    main(sys.argv[1:])
