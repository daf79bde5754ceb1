#!/usr/bin/env python3
"""Run notebooks from top to bottom, each in an empty folder; fail at any error, and at any warning.

    scripts/run_notebooks.py [--keep FOLDER] [notebooks/01_gojek.py ...]

A notebook whose data isn't here is left out, with a sentence. ``--keep`` writes the executed ones to look at.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jupytext
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from ecograph import datasets
from ecograph.doctor import data_folder
from ecograph.errors import SourceError

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 300  # for one cell: the first one may have to compile kernels


def missing(text: str) -> str | None:
    """Why a notebook can't run here: the registered data set that it reads and that isn't there."""
    for name in re.findall(r'datasets\.path\("(\w+)"', text):
        try:
            datasets.path(name)
        except SourceError as error:
            return str(error)
    return None


def execute(text: str) -> Any:
    """The notebook with the outputs of its cells; its kernel is this very Python, whatever kernels are installed."""
    notebook = jupytext.reads(text, fmt="py:percent")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as aside:
        environment = os.environ | {"IPYTHONDIR": aside, "ECOGRAPH_DATA": str(data_folder().resolve())}
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{aside}/kernel")
        kernel.kernel_spec_manager.kernel_dirs = []  # ipykernel's own is left, with sys.executable
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, km=kernel, timeout=SECONDS, resources=resources)
        client.owns_km = True  # shut it down at the end, also after an error
        client.execute(env=environment)
    return notebook


def complaints(notebook: Any) -> list[str]:
    """What cells wrote to standard error."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output["text"].strip() for output in outputs if output.get("name") == "stderr"]


def run(path: Path, keep: Path | None) -> bool:
    """Run one notebook and say how it went."""
    text, started = path.read_text(encoding="utf-8"), time.monotonic()
    if reason := missing(text):
        print(f"{path.name}: left out. {reason}")
        return True
    try:
        notebook = execute(text)
    except CellExecutionError as error:
        print(f"{path.name}: FAILED\n{error}")
        return False
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        jupytext.write(notebook, keep / f"{path.stem}.ipynb")
    if said := complaints(notebook):
        print(f"{path.name}: WARNED\n" + "\n".join(said))
        return False
    print(f"{path.name}: {time.monotonic() - started:.1f} s")
    return True


def main() -> int:
    """Exit status: 0 if every notebook ran or was left out, else 1."""
    parser = argparse.ArgumentParser(description="Run notebooks from top to bottom.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--keep", type=Path, help="folder for the executed notebooks")
    asked = parser.parse_args()
    paths = asked.notebooks or sorted((ROOT / "notebooks").glob("[0-9]*.py"))
    went_well = [run(path, asked.keep) for path in paths]  # all of them, also after one that fails
    return 0 if all(went_well) else 1


if __name__ == "__main__":
    sys.exit(main())
