"""A file without a name: what is written once and read later, or never, needn't stay in memory.

The file is unlinked as it is opened (in ``TMPDIR``), so that nothing stays behind, not even after a kill.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO, Any

__all__ = ["Scratch"]


class Scratch:
    """Opened at the first write; any thread may read. What is full or not to be had is an OSError.

    Examples
    --------
    >>> scratch, room = Scratch(), bytearray(2)
    >>> scratch.write(3, b"abc")
    >>> scratch.read(4, memoryview(room))
    >>> bytes(room)
    b'bc'
    >>> scratch.close()
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def write(self, place: int, values: Any) -> None:
        """Put the bytes of a contiguous buffer at ``place``; what is never written is zero, and takes no room."""
        self._file = self._file or tempfile.TemporaryFile(prefix="ecograph-")  # noqa: SIM115 - closed by close()
        rest = memoryview(values).cast("B")
        while rest:
            n = os.pwrite(self._file.fileno(), rest, place)
            rest, place = rest[n:], place + n

    def read(self, place: int, room: memoryview) -> None:
        """Fill ``room`` from ``place`` on; without the file's position, which threads would share."""
        assert self._file is not None
        while room:
            n = os.preadv(self._file.fileno(), [room], place)
            room, place = room[n:], place + n

    def mapped(self, size: int) -> mmap.mmap:
        """The first ``size`` bytes, read where and when they are looked at; they outlive ``close``."""
        assert self._file is not None
        os.ftruncate(self._file.fileno(), size)
        return mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Give the file back, once nothing is mapped any more."""
        if self._file is not None:
            self._file.close()
