"""Data sets: a generated Gojek-like world, and a registry of real ones with their hashes and sources."""

from __future__ import annotations

from pathlib import Path

from ecograph.datasets.gojek import SCALE, GojekWorld, generate_gojek
from ecograph.datasets.registry import Dataset, File, folder, info, load, mapping, names, path
from ecograph.errors import SourceError

__all__ = ["SCALE", "Dataset", "File", "GojekWorld", "folder", "generate_gojek", "info", "load", "mapping", "names",
           "path", "write"]  # fmt: skip


def write(
    name: str, folder: str | Path, *, seed: int = 0, scale: float = SCALE, dirty: float = 0.0, csv: bool = False
) -> Path:
    """Generate a data set into a folder: events, participants, mapping, the truth planted, and its source.

    Parameters
    ----------
    name : ``"gojek"``, the only one that is generated.
    folder : is made when it is absent; files of the same names are replaced.
    seed, scale, dirty : see ``generate_gojek``.
    csv : also write events.csv.

    Raises
    ------
    SourceError : ``name`` can't be generated.
    """
    if name != "gojek":
        raise SourceError(f"{name!r} can't be generated.", hint='write("gojek", folder), or path(name) for a real one')
    return generate_gojek(scale, seed, dirty=dirty).write(folder, csv=csv)
