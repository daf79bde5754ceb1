"""How does a finished folder take its place in one step, so that no reader sees a half?"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from ecograph.seal import flush_folder

__all__ = ["move_into_place"]

_AT_FDCWD, _NOREPLACE, _EXCHANGE = -100, 1, 2  # linux/fcntl.h, linux/fs.h
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP}


def move_into_place(folder: Path, target: Path, overwrite: bool) -> None:
    """Rename ``folder`` to ``target``; what stood there is afterwards at ``folder``, or gone.

    Where ``renameat2`` swaps two folders at once a kill at any moment leaves the old or the new in place.
    Elsewhere the old one is moved aside first, to the name of ``folder`` with ``.old`` added.
    """
    if not os.path.lexists(target):
        if not _rename(folder, target, _NOREPLACE):
            os.rename(folder, target)  # replaces at most an empty folder
    elif not overwrite and any(target.iterdir()):
        raise FileExistsError(errno.EEXIST, "another run wrote it meanwhile")
    elif not _rename(folder, target, _EXCHANGE):
        _swap_by_two_renames(folder, target)
    flush_folder(target.parent)


def _rename(source: Path, target: Path, flag: int) -> bool:
    """``renameat2`` with a flag; False where the kernel or the file system has no such thing."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code))


def _swap_by_two_renames(folder: Path, target: Path) -> None:
    aside = folder.with_name(f"{folder.name}.old")
    os.rename(target, aside)
    try:
        os.rename(folder, target)
    except OSError:
        os.rename(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
