"""Draw a Ledger's figures in another process, beside the one that ranks.

Importing Matplotlib takes half a second, which the ranking needn't wait for: the process is started before events are
read, is told of the Ledger when there is one, and draws its figures side by side, the same bytes as in one process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from ecograph.helper import cores, start

if TYPE_CHECKING:
    from ecograph.ledger import Ledger

__all__ = ["draw_all", "drawing", "pack", "unpack"]

Wait: TypeAlias = Callable[[], None]


@contextmanager
def drawing() -> Iterator[Callable[[Ledger, Path], Wait]]:
    """Yield a function that has the figures of a Ledger drawn into a folder, and returns one that waits for that.

    Where the process comes to grief they are drawn here, so that what is wrong is said here; so they are where there is
    one core: a second process, which imports what this one has, took 4.5 s there in place of 3.9.
    """
    if cores() == 1:
        yield _here
        return
    process = start("ecograph.figures.beside", stdin=subprocess.PIPE)
    assert process.stdin is not None
    pipe = process.stdin

    def draw(ledger: Ledger, folder: Path) -> Wait:
        with suppress(BrokenPipeError), pipe:
            pack(ledger, folder, pipe)

        def wait() -> None:
            if process.wait():
                draw_all(ledger, folder)

        return wait

    try:
        yield draw
    finally:
        if process.returncode != 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it, and the one that it may have started
            process.wait()
        with suppress(BrokenPipeError):
            pipe.close()


def _here(ledger: Ledger, folder: Path) -> Wait:
    return partial(draw_all, ledger, folder)


def draw_all(ledger: Ledger, folder: Path) -> None:
    """Draw the ranking and, where there is one, the agreement of lenses, each in three formats."""
    for each in (_draw_ledger, _draw_agreement):
        each(ledger, folder)


def _draw_ledger(ledger: Ledger, folder: Path) -> None:
    from ecograph.figures.ledger import draw

    draw(ledger, folder / "ledger")


def _draw_agreement(ledger: Ledger, folder: Path) -> None:
    from ecograph.figures.agreement import draw

    if ledger.agreement is not None:
        draw(ledger, folder / "agreement", top=10)


def pack(ledger: Ledger, folder: Path, out: IO[bytes]) -> None:
    """Write a Ledger and where to draw it: a line of JSON, then the table as an Arrow stream."""
    from ecograph.provenance import plain

    agreement = None if ledger.agreement is None else ledger.agreement.to_dicts()
    facts = ledger.facts() | {"provenance": plain(ledger.provenance), "agreement": agreement}
    facts["certificate"].pop("sentence")
    out.write(json.dumps([str(folder.absolute()), facts]).encode() + b"\n")
    ledger.table.write_ipc_stream(out)


def unpack(data: IO[bytes]) -> tuple[Ledger, Path]:
    """The Ledger that ``pack`` wrote, and where to draw it."""
    import polars as pl

    from ecograph.ledger import Certificate, Ledger

    folder, facts = json.loads(data.readline())
    facts |= {name: tuple(facts[name]) for name in ("lenses", "notes")}
    facts["certificate"] = Certificate(**facts["certificate"])
    facts["agreement"] = None if facts["agreement"] is None else pl.DataFrame(facts["agreement"])
    return Ledger(table=pl.read_ipc_stream(BytesIO(data.read())), **facts), Path(folder)


def _get_ready() -> None:
    """Import what draws, and draw a little in each format: a first figure takes half as long again as a second."""
    import ecograph.figures.agreement
    import ecograph.figures.ledger  # noqa: F401
    from ecograph.figures.style import page

    with page(1.0, 1.0) as figure:
        figure.subplots().plot([0.0, 1.0])
        for kind in ("svg", "pdf", "png"):
            figure.savefig(BytesIO(), format=kind)


def main() -> None:
    """Get ready, wait for a Ledger, draw it; without one there is nothing to do."""
    gc.disable()  # it ends soon
    _get_ready()
    data = sys.stdin.buffer.read()
    if not data:
        return
    other = os.fork()  # before Polars has any thread
    ledger, folder = unpack(BytesIO(data))
    if not other:
        _draw_agreement(ledger, folder)
        return
    _draw_ledger(ledger, folder)
    _, status = os.waitpid(other, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
