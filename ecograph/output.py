"""How does a run leave a whole set of files behind, or none?

The set is built in a hidden folder beside its place, sealed by ``provenance.json`` (written last, with size and
hash of every other file) and moved there in one rename. At any moment a killed run leaves the old set or the
new one; its hidden folder is swept away by the next run.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ecograph.atomic import atomic_path
from ecograph.errors import OutputError
from ecograph.printable import printable
from ecograph.seal import PROVENANCE, files_in, parse, read_output, seal
from ecograph.swap import move_into_place

__all__ = ["PROVENANCE", "output_folder", "read_output", "uninterrupted", "write_text"]

_REPLACE = "replace it with overwrite (--overwrite), or write elsewhere."


@contextmanager
def output_folder(
    path: str | os.PathLike[str], overwrite: bool = False, *, provenance: Mapping[str, Any] | None = None
) -> Iterator[Path]:
    """Yield an empty folder to fill; on a clean exit it becomes ``path``, on any other it is removed.

    Parameters
    ----------
    path : where the set shall stand; its parents are made.
    overwrite : replace a set that ecograph wrote earlier. A folder with any other file in it is never replaced.
    provenance : what ``provenance.json`` says besides the files; read at the end, so it may be filled meanwhile.

    Raises
    ------
    OutputError : ``path`` exists (without ``overwrite``), holds files that ecograph didn't write, or can't be
        written.

    Notes
    -----
    Everything is flushed to disk before the rename. Where the file system swaps two folders in one step
    (``renameat2``) a reader sees the old set or the new; elsewhere the place is empty for the moment between
    two renames, and a run killed right there has its old set put back by the next.
    """
    target = Path(os.path.realpath(path))
    with _saying_what_failed(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        _check_replaceable(target, overwrite)
        folder, lock = _create(target)
    try:
        yield folder
        with _saying_what_failed(target):
            seal(folder, provenance or {})
            with uninterrupted():
                move_into_place(folder, target, overwrite)
    finally:
        with uninterrupted():  # after a swap the hidden folder holds the old set
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = False) -> None:
    """Write one file, whole or not at all; an existing one only with ``overwrite``."""
    target = Path(os.path.realpath(path))
    if target.exists() and not overwrite:
        raise OutputError(f"{printable(target)} exists already.", hint=_REPLACE)
    with atomic_path(target) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done: Polars delivers it twice, the second time into the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: waiting.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
    if waiting and callable(before):  # dropped, it would be a Ctrl-C that did nothing
        before(*waiting[0])


def _check_replaceable(target: Path, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise OutputError(f"{printable(target)} is a file, not a folder.", hint="name another folder.")
    present = set(files_in(target))
    if not present:
        return
    if not overwrite:
        raise OutputError(f"{printable(target)} exists already.", hint=_REPLACE)
    if strangers := sorted(present - _files_it_lists(target) - {PROVENANCE}):
        shown = ", ".join(printable(name, width=60) for name in strangers[:3])
        raise OutputError(
            f"{printable(target)} holds {len(strangers)} file(s) that ecograph didn't write there: {shown}.",
            hint="move them away or name another folder; overwrite replaces only ecograph's own output.",
        )


def _files_it_lists(target: Path) -> set[str]:
    try:
        return set(parse(target)["files"])
    except OutputError:
        return set()


def _hidden_name(target: Path) -> str:
    return f".{target.name}.ecograph-{os.getpid()}-{secrets.token_hex(4)}"


def _create(target: Path) -> tuple[Path, int]:
    """A hidden folder beside the target, and a lock on it that ends with this process however it ends."""
    folder = target.with_name(_hidden_name(target))
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks: others then never sweep it
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def _sweep(target: Path) -> None:
    """Remove the hidden folders of dead runs; put an old set back that was moved aside by a run killed there."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.ecograph-(\d{{1,9}})-[0-9a-f]{{8}}(\.old)?")
    for path in sorted(target.parent.iterdir()):
        match = ours.fullmatch(path.name)
        if match is None or _alive(int(match[1])) or _locked(path):
            continue
        if match[2] and not os.path.lexists(target):
            os.rename(path, target)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _locked(path: Path) -> bool:
    """Whether its run lives where we can't see its pid (another container); if in doubt, yes."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def _saying_what_failed(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = printable(error.strerror or type(error).__name__, width=100)
        hint = "free space or name another place."
        raise OutputError(f"can't write {printable(target)}: {reason}.", hint=hint) from error
