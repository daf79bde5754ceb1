"""Promises that the docs make about the whole package. A failure names the file to add or edit."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ecograph

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ecograph"
SECTIONS = re.compile(r"^ *(\w[\w ]*)\n *-{3,}$", re.MULTILINE)

# design.md: nothing below imports anything above it. Left: a part; right: what it must not import.
LAYERS = {
    "cpu": ("errors", "schema", "mapping", "ingest", "ecosystem", "metrics", "ledger", "datasets", "figures", "cli"),
    "gpu": ("errors", "schema", "mapping", "ingest", "ecosystem", "metrics", "ledger", "datasets", "figures", "cli"),
    "schema": ("ecosystem", "ingest", "metrics", "ledger", "datasets", "figures", "cli"),
    "ties": ("ecosystem", "ingest", "metrics", "ledger", "datasets", "figures", "cli"),
    "ingest": ("metrics", "ledger", "datasets", "figures", "cli"),
    "ecosystem": ("metrics", "ledger", "datasets", "figures", "cli"),
    "metrics": ("datasets", "figures", "cli"),
    "figures": ("datasets", "cli"),
    "datasets": ("cli",),
}


def module_names() -> list[str]:
    paths = sorted(path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.py"))
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__")
    return list(names)


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a module names in ``__all__`` and defines itself."""
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if callable(value) and getattr(value, "__module__", None) == module.__name__:
            yield name, value


def metrics() -> list[tuple[str, Any]]:
    module = importlib.import_module("ecograph.metrics")
    return [(name, getattr(module, name)) for name in module.__all__ if inspect.isfunction(getattr(module, name))]


def sections(value: Any) -> set[str]:
    return set(SECTIONS.findall(inspect.getdoc(value) or ""))


def test_importing_ecograph_loads_nothing_heavy() -> None:
    heavy = ["cupy", "graph_tool", "matplotlib", "networkx", "numba", "polars", "pyarrow", "scipy"]
    code = f"import ecograph, sys; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]", f"`import ecograph` loads {loaded.stdout}; import them where they are used"


@pytest.mark.parametrize("name", ecograph.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(ecograph, name)
    if name != "__version__":
        assert inspect.getdoc(value), f"ecograph.{name} has no docstring; add one in {value.__module__}"
    assert name in dir(ecograph)


@pytest.mark.parametrize("name", module_names())
def test_every_module_says_what_it_is_for_and_keeps_its_all(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring; say at its top which question it answers"
    assert len(set(getattr(module, "__all__", ()))) == len(getattr(module, "__all__", ()))
    undocumented = [each for each, value in public(module) if not inspect.getdoc(value)]
    assert not undocumented, f"in {name}, {undocumented} need docstrings"


def test_public_functions_document_every_parameter_and_their_return() -> None:
    faults = []
    named = [(name, getattr(ecograph, name)) for name in ecograph.__all__]
    for name, function in {**dict(named), **dict(metrics())}.items():
        if not inspect.isfunction(function):
            continue
        parameters = list(inspect.signature(function).parameters)
        text = inspect.getdoc(function) or ""
        lacking = {"Returns", *(["Parameters"] if parameters else [])} - sections(function)
        unnamed = [each for each in parameters if not re.search(rf"\b{each}\b", text)]
        if lacking or unnamed:
            faults.append(f"{function.__module__}.{name}: sections {sorted(lacking)}, parameters {unnamed}")
    assert not faults, "docstrings lack:\n" + "\n".join(faults)


def test_every_metric_shows_a_number_that_is_run() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    faults = []
    for name, function in metrics():
        examples = [example for test in finder.find(function, name) for example in test.examples]
        if not any(re.search(r"\d", example.want) for example in examples):
            faults.append(f"{function.__module__}.{name}")
    assert not faults, f"add a doctest with a number that can be checked by hand to {faults}"


def test_every_metric_is_defined_in_docs_and_has_an_exact_reference() -> None:
    docs = (ROOT / "docs" / "metrics.md").read_text()
    twins = [ast.parse(path.read_text()) for path in sorted((ROOT / "tests" / "reference").glob("*.py"))]
    functions = {node.name for tree in twins for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = [name for name, _ in metrics()]
    assert names, "ecograph/metrics/__init__.py names no metric in __all__"
    undefined = [name for name in names if not re.search(rf"`{name}\b", docs)]
    unchecked = [name for name in names if name not in functions]
    assert not undefined, f"define {undefined} in docs/metrics.md, each in backquotes"
    assert not unchecked, f"add {unchecked} to tests/reference/: slow, exact, without importing ecograph"


def test_the_reference_shares_no_code_with_what_it_checks() -> None:
    for path in sorted((ROOT / "tests" / "reference").glob("*.py")):
        assert not [name for name in imports(path) if name.split(".")[0] in ("ecograph", "numba")], path


def test_the_version_is_stated_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    places = [
        path.relative_to(ROOT).as_posix()
        for path in (*PACKAGE.rglob("*.py"), *ROOT.glob("*.toml"), *ROOT.glob("*.cff"), *ROOT.glob("*.yml"))
        if re.search(rf"(?<![\d.]){re.escape(ecograph.__version__)}(?![\d.])", path.read_text())
    ]
    assert places == ["ecograph/__init__.py"], f"the version is stated in {places}"


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("part", LAYERS)
def test_nothing_below_imports_anything_above_it(part: str) -> None:
    files = [*PACKAGE.glob(f"{part}.py"), *(PACKAGE / part).rglob("*.py")]
    faults = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path, top_level=True)
        for above in LAYERS[part]
        if name == f"ecograph.{above}" or name.startswith(f"ecograph.{above}.")
    ]
    assert not faults, "\n".join(faults)


def test_every_dependency_earns_its_place_and_no_other_is_praised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[<>=]", each)[0] for part in asked for each in part}
    names |= {"graph-tool", "pycairo"}  # these come from the system
    praised = set(re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE))
    assert praised >= names, f"add a line to docs/dependencies.md for {sorted(names - praised)}"
    assert names >= praised, f"pyproject.toml doesn't ask for {sorted(praised - names)} of docs/dependencies.md"


def test_links_between_pages_lead_somewhere() -> None:
    faults = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert not faults, "\n".join(faults)
