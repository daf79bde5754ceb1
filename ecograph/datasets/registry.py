"""Where the data sets are, whether they are still the ones we mean, and whom to thank for them.

``datasets/registry.toml`` lists every data set with its files, their SHA-256 and size, licence,
citation, origin and the command that fetches it. A file is handed out only after its hash was
checked, each time: a result can't quietly come from other data.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from ecograph.errors import SourceError

__all__ = ["Dataset", "File", "folder", "info", "load", "mapping", "names", "path"]

ENVIRONMENT = "ECOGRAPH_DATA"


@dataclass(frozen=True)
class File:
    """One file of a data set: its name, SHA-256 (hex), size in bytes and the delimiter of its table."""

    name: str
    sha256: str
    size: int
    delimiter: str = ","


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry; ``committed`` sets come with ecograph, the others stay where they are."""

    name: str
    title: str
    files: tuple[File, ...]
    licence: str
    citation: str
    origin: str
    command: str
    committed: bool = False

    def file(self, name: str | None = None) -> File:
        """The file of that name; the first one when no name is given."""
        for file in self.files:
            if name in (None, file.name):
                return file
        raise _unknown("file", str(name), [file.name for file in self.files])


def names() -> list[str]:
    """Names of all registered data sets, sorted.

    Examples
    --------
    >>> "case_facts" in names()
    True
    """
    return sorted(_registry())


def info(name: str) -> Dataset:
    """What the registry knows about a data set; looks at no file of it.

    Examples
    --------
    >>> info("food_delivery_bayarea").file("deliveries.csv").size
    1598761
    """
    if name not in _registry():
        raise _unknown("data set", name, names())
    return _registry()[name]


def folder(name: str) -> Path:
    """The folder that holds a data set; its files aren't opened.

    A committed set lies beside the registry. Any other is looked for in ``ECOGRAPH_DATA`` if that is
    set, else in ``../shared/data`` seen from the current folder and from the repository.

    Raises
    ------
    SourceError : the folder is in none of these places; the message says where it was looked for.
    """
    dataset = info(name)
    places = [root / name for root in ([_files()] if dataset.committed else _roots())]
    for place in places:
        if place.is_dir():
            return place
    raise SourceError(
        f"The data set {name} isn't here; looked for {' and '.join(map(str, places))}.",
        hint=f"set {ENVIRONMENT} to the folder that holds {name}/, or make it: {dataset.command}",
    )


def path(name: str, file: str | None = None) -> Path:
    """Path of one file of a data set (by default its first), after its size and hash were checked.

    Raises
    ------
    SourceError : unknown name, absent file, or a file that isn't the registered one.

    Examples
    --------
    >>> path("case_facts").name
    'facts.csv'
    """
    entry = info(name).file(file)
    found = folder(name) / entry.name
    if not found.is_file():
        raise SourceError(f"{found} is missing.", hint=f"make it: {info(name).command}")
    _check(found, entry)
    return found


def load(name: str, file: str | None = None) -> pl.DataFrame:
    """One table of a data set as text: every cell as stored, every column ``String``.

    For ties, read it with a mapping instead: ``ecograph.read_events(path(name), mapping=...)``.

    Examples
    --------
    >>> load("case_facts").columns
    ['case', 'metric', 'value', 'unit', 'as_of', 'source_and_note']
    """
    entry = info(name).file(file)
    found = path(name, file)
    opener = gzip.open if found.suffix == ".gz" else open
    with opener(found, "rt", encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines, delimiter=entry.delimiter, strict=True)
    ragged = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if ragged:
        raise SourceError(f"{found}: record {ragged[0]} doesn't have the {len(header)} fields of its header.")
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String()), orient="row")


def mapping(name: str) -> Path:
    """Path of a mapping that comes with ecograph.

    Examples
    --------
    >>> mapping("food_delivery").name
    'food_delivery.toml'
    """
    found = _files() / "mappings" / f"{name}.toml"
    if not found.is_file():
        raise _unknown("mapping", name, sorted(each.stem for each in found.parent.glob("*.toml")))
    return found


def _files() -> Path:
    """``ecograph/datasets/files`` of an installed wheel, ``datasets/`` of the repository otherwise."""
    here = Path(__file__).resolve().parent
    return here / "files" if (here / "files").is_dir() else here.parents[1] / "datasets"


def _roots() -> list[Path]:
    if chosen := os.environ.get(ENVIRONMENT):
        return [Path(chosen)]
    repository = Path(__file__).resolve().parents[2]
    bases = (Path.cwd(), repository)
    return list(dict.fromkeys((base / ".." / "shared" / "data").resolve() for base in bases))


def _check(found: Path, entry: File) -> None:
    size = found.stat().st_size
    with found.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if (size, digest) != (entry.size, entry.sha256):
        raise SourceError(
            f"{found} isn't the registered file: it has {size:,} bytes and SHA-256 {digest[:12]}..., "
            f"the registry {entry.size:,} bytes and {entry.sha256[:12]}...",
            hint="fetch it anew, or read your own file by its path instead of by a registered name",
        )


def _unknown(what: str, name: str, known: list[str]) -> SourceError:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
    return SourceError(f"There is no {what} {name!r}.", hint=f"try {', '.join(near)}")


@cache
def _registry() -> dict[str, Dataset]:
    entries = tomllib.loads((_files() / "registry.toml").read_text(encoding="utf-8"))
    return {name: _entry(name, entry) for name, entry in entries.items()}


def _entry(name: str, entry: dict[str, Any]) -> Dataset:
    files = tuple(File(**file) for file in entry.pop("files"))
    return Dataset(name=name, files=files, **entry)
