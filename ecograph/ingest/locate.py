"""What was handed over: files, globs, frames, streams; each known for what it is before it is read."""

from __future__ import annotations

import difflib
import glob
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import polars as pl

from ecograph.errors import SourceError
from ecograph.ingest.columnar import Columnar, open_frame, open_ipc, open_parquet, open_stream
from ecograph.ingest.quarantine import brief
from ecograph.ingest.sniff import FORMATS, TEXTS, sniff

__all__ = ["Source", "resolve"]

_CHUNK = 1 << 20


@dataclass(eq=False)
class Source:
    """One file, frame or stream.

    Attributes
    ----------
    name : to show. format : how it is written. text : it has lines and bytes to point at.
    nbytes : its size as stored, or in memory; None where that isn't known before.
    """

    name: str
    format: str
    text: bool
    nbytes: int | None
    path: Path | None = None
    packed: bool = False
    columnar: Columnar | None = field(default=None, repr=False)
    digest: str | None = field(default=None, repr=False)

    def sha256(self) -> str | None:
        """Hash of the file's bytes as stored; None for frames and streams. Free once a text was read whole."""
        if self.digest is None and self.path is not None:
            self._hash(threading.Event())
        return self.digest

    @contextmanager
    def hashing(self) -> Iterator[None]:
        """Hash a file that isn't text on another thread meanwhile; one that can't be read is left to ``sha256``."""
        if self.columnar is None or self.path is None or self.digest is not None:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._hash, args=(stop, True), name="ecograph-hash", daemon=True)
        thread.start()
        try:
            yield
        except BaseException:  # nobody will ask for it
            stop.set()
            raise
        finally:
            thread.join()

    def _hash(self, stop: threading.Event, quiet: bool = False) -> None:
        digest = hashlib.sha256()
        try:
            with open(fspath(self.path or ""), "rb") as file:
                while not stop.is_set():
                    if not (chunk := file.read(_CHUNK)):
                        self.digest = digest.hexdigest()
                        return
                    digest.update(chunk)
        except OSError as error:
            if not quiet:
                raise SourceError(f"can't read {self.name}: {error.strerror}.") from None


def resolve(source: Any, *, format: str | None = None) -> list[Source]:
    """Find what ``source`` stands for, in the order it will be read.

    Parameters
    ----------
    source : a path, a glob (its files sorted by name), a Polars DataFrame or LazyFrame, an object with
        ``__arrow_c_stream__``, or a list of these.
    format : one of csv, tsv, ndjson, parquet, ipc; None = by first bytes, then by name.

    Raises
    ------
    SourceError : nothing there, nothing that can be read, or a file that is given twice.
    """
    if format is not None and format not in FORMATS:
        raise SourceError(f"no format is called {brief(format, 40)!r}.", hint=f"there are {', '.join(FORMATS)}.")
    values = list(source) if isinstance(source, (list, tuple)) else [source]
    if not values:
        raise SourceError("the list of sources is empty.", hint="give at least one file, frame or stream.")
    found = [
        one for i, value in enumerate(values, start=1) for one in _resolve(value, format, i if len(values) > 1 else 0)
    ]
    seen: dict[Path, str] = {}
    for one in found:
        if one.path is None:
            continue
        if (real := one.path.resolve()) in seen:
            hint = "its events would be counted twice; leave one of the two out."
            raise SourceError(f"{one.name} is given twice (also as {seen[real]}).", hint=hint)
        seen[real] = one.name
    return found


def _resolve(value: Any, format: str | None, number: int) -> list[Source]:
    if isinstance(value, (str, PathLike)):
        return [_file(path, format) for path in _paths(fspath(value))]
    name = type(value).__name__ + (f" {number}" if number else "")
    if isinstance(value, (pl.DataFrame, pl.LazyFrame)):
        size = int(value.estimated_size()) if isinstance(value, pl.DataFrame) else None
        return [Source(name, "frame", False, size, columnar=open_frame(name, value))]
    if hasattr(value, "__arrow_c_stream__"):
        return [Source(name, "frame", False, None, columnar=open_stream(name, value))]
    hint = "give a path, a glob, a Polars frame, an object with __arrow_c_stream__ (Arrow, pandas, DuckDB), or a list."
    raise SourceError(f"a {name} isn't a source of events.", hint=hint)


def _paths(text: str | bytes) -> list[Path]:
    name = text.decode() if isinstance(text, bytes) else text
    path = Path(name).expanduser()
    if "\0" not in name and path.exists():
        return [path]
    if "://" in name:
        raise SourceError(f"{brief(name)} is an address, not a file.", hint="fetch it first: curl -LO ADDRESS")
    if glob.has_magic(name):
        if matches := sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file()):
            return matches
        raise SourceError(
            f"no file matches {brief(name)}.", hint="a glob is read from the working folder; ** goes deeper."
        )
    near = difflib.get_close_matches(path.name, _neighbours(path), n=3)
    raise SourceError(f"there is no file {brief(name)}.", hint=f"near it: {', '.join(near)}" if near else None)


def _neighbours(path: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return []


def _file(path: Path, format: str | None) -> Source:
    name = str(path)
    if not path.is_file():
        hint = f"its files: {name}/*.csv" if path.is_dir() else "write it to a file first: it is opened more than once."
        raise SourceError(f"{name} isn't a file.", hint=hint)
    kind = sniff(path, name, format)
    source = Source(name, kind.format, kind.format in TEXTS, path.stat().st_size, path, kind.packed)
    if kind.format == "parquet":
        source.columnar = open_parquet(name)
    elif kind.format == "ipc":
        source.columnar = open_ipc(name, stream=kind.stream)
    return source
