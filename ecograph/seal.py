"""Is this set of files whole, and the one that was written? Its ``provenance.json`` vouches for the others."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ecograph.errors import OutputError
from ecograph.printable import printable

__all__ = ["PROVENANCE", "files_in", "flush_folder", "parse", "read_output", "seal"]

PROVENANCE = "provenance.json"
_FORMAT = "ecograph output 1"


def read_output(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The provenance of the set at ``path``, after checking every file against it.

    Raises
    ------
    OutputError : no set there, or one that disagrees with its own hashes.
    """
    target = Path(os.path.realpath(path))
    while True:
        with _held(target) as before:
            try:
                return _verify(target)
            except OutputError:
                if _inode(target) == before:  # else a run replaced the set while we read: read the new one
                    raise


def seal(folder: Path, provenance: Mapping[str, Any]) -> None:
    """Flush every file, then write the one that vouches for them."""
    files = {name: _fingerprint(folder / name, flush=True) for name in files_in(folder)}
    document = {"format": _FORMAT, **provenance, "files": files}
    document["seal"] = _digest(document)
    with (folder / PROVENANCE).open("x", encoding="ascii") as file:
        json.dump(document, file, indent=2, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    for inner in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        flush_folder(inner)


def files_in(folder: Path) -> list[str]:
    """Relative names of everything that isn't a folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())


def parse(target: Path) -> dict[str, Any]:
    """The provenance at ``target``, checked against its own seal but not against the files."""
    try:
        document = json.loads((target / PROVENANCE).read_bytes())
    except (OSError, ValueError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "can't be read"
        raise _refuse(target, f"{PROVENANCE} {reason}") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise _refuse(target, f"{PROVENANCE} isn't {_FORMAT!r}")
    seal = document.pop("seal", None)
    if seal != _digest(document) or not isinstance(document.get("files"), dict):
        raise _refuse(target, f"{PROVENANCE} was altered")
    return document


def _verify(target: Path) -> dict[str, Any]:
    document = parse(target)
    visible = {name for name in files_in(target) if not name.startswith(".")} - {PROVENANCE}
    if strangers := sorted(visible - document["files"].keys()):
        raise _refuse(target, f"{printable(strangers[0], width=60)} isn't part of it")
    for name, expected in document["files"].items():
        try:
            found = _fingerprint(target / name)
        except OSError as error:
            raise _refuse(target, f"{printable(name, width=60)} is missing") from error
        if found != expected:
            raise _refuse(target, f"{printable(name, width=60)} isn't the file that was written")
    return document


def _fingerprint(path: Path, *, flush: bool = False) -> dict[str, Any]:
    with path.open("rb") as file:
        if flush:
            os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": digest, "bytes": file.tell()}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()


def flush_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _held(folder: Path) -> Iterator[int | None]:
    """The folder's inode, kept open so that no newer folder can be given the same number meanwhile."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield os.fstat(handle).st_ino
    finally:
        os.close(handle)


def _inode(target: Path) -> int | None:
    try:
        return target.stat().st_ino
    except OSError:
        return None


def _refuse(target: Path, reason: str) -> OutputError:
    return OutputError(
        f"{printable(target)} is not a whole ecograph output: {reason}.",
        hint="make it again, with overwrite (--overwrite).",
    )
