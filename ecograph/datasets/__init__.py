"""Data sets: a generated Gojek-like world, and a registry of real ones with their hashes and sources."""

from __future__ import annotations

from ecograph.datasets.gojek import SCALE, GojekWorld, generate_gojek
from ecograph.datasets.registry import Dataset, File, folder, info, load, mapping, names, path

__all__ = ["SCALE", "Dataset", "File", "GojekWorld", "folder", "generate_gojek", "info", "load", "mapping", "names",
           "path"]  # fmt: skip
