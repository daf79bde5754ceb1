"""Every kernel is compiled once, can't write where it only reads, and is cached under what it was made from."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.callwrapper import PyCallWrapper
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.types.functions import BaseFunction
from numba.extending import is_jitted

from ecograph.cpu._jit import F8, f8, jit

CPU = Path(__file__).resolve().parents[1] / "ecograph" / "cpu"

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="Numba is switched off: there are no kernels to look at"
)


def kernels() -> Iterator[tuple[str, Any]]:
    for path in sorted(CPU.glob("*.py")):
        module = importlib.import_module(f"ecograph.cpu.{path.stem}")
        for name, value in vars(module).items():
            if is_jitted(value) and value.py_func.__module__ == module.__name__:
                yield f"{path.stem}.{name}", value.compile_now()


KERNELS = {} if numba.config.DISABLE_JIT else dict(kernels())


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_has_one_signature(name: str) -> None:
    signatures = KERNELS[name].signatures
    assert len(signatures) == 1, (
        f"ecograph.cpu.{name} is compiled for {signatures}; declare one with ecograph.cpu._jit.jit"
    )


def roots(value: ast.AST) -> set[str]:
    """Names whose memory ``value`` may share: ``x``, ``x[a:b]``, ``(x, y)``; not ``x.size`` or ``f(x)``."""
    if isinstance(value, ast.Name):
        return {value.id}
    if isinstance(value, ast.Subscript | ast.Starred):
        return roots(value.value)
    if isinstance(value, ast.Tuple | ast.List):
        return set().union(*map(roots, value.elts))
    return set()


def stored_by_call(call: ast.Call, known: dict[str, Any]) -> set[str]:
    """Names that a call may store into: another kernel says so in its signature, NumPy by name, others may always."""
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in ("copyto", "fill", "partition", "put", "shuffle", "sort"):
            return roots(call.func.value).union(*map(roots, call.args))
        return set()
    callee = known.get(getattr(call.func, "id", ""))
    if callee is None or not is_jitted(callee):
        return set()
    kinds = callee.signatures[0]
    handed = [value for value, kind in zip(call.args, kinds, strict=False) if getattr(kind, "mutable", False)]
    return set().union(*map(roots, handed))


def written(function: Any) -> set[str]:
    """Names of arrays that a function may store into, also by way of a view or another kernel."""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            names |= roots(node)
        elif isinstance(node, ast.Call):
            names |= stored_by_call(node, function.__globals__)
    for _ in nodes:  # a view of a view: as many rounds as could ever be needed, mostly one
        views = [n for n in nodes if isinstance(n, ast.Assign) and set().union(*map(roots, n.targets)) & names]
        more = set().union(*(roots(node.value) for node in views))
        if more <= names:
            break
        names |= more
    return names


@pytest.mark.parametrize("name", KERNELS)
def test_arrays_that_are_only_read_are_declared_read_only(name: str) -> None:
    kernel = KERNELS[name]
    touched = written(kernel.py_func)
    parameters = inspect.signature(kernel.py_func).parameters
    too_free = [
        parameter
        for parameter, kind in zip(parameters, kernel.signatures[0], strict=True)
        if isinstance(kind, numba.types.Array) and kind.mutable and parameter not in touched
    ]
    assert not too_free, f"ecograph.cpu.{name} only reads {too_free}; declare them without the trailing w"


def test_arguments_of_the_first_call_are_checked_too() -> None:
    @jit(f8, F8)
    def total(x: Any) -> float:
        sum_ = 0.0
        for value in x:
            sum_ += value
        return sum_

    with pytest.raises(TypeError):
        total(np.arange(4))  # int64 read as float64 would give 3e-323
    assert total(np.arange(4.0)) == 6.0


def test_what_another_kernel_calls_is_compiled_for_python_only_when_python_calls_it() -> None:
    @jit(f8, f8)
    def half(x: float) -> float:
        return 0.5 * x

    @jit(f8, f8)
    def quarter(x: float) -> Any:
        return half(half(x))

    assert quarter(3.0) == 0.75
    assert quarter.signatures
    assert not half.signatures
    assert half(3.0) == 1.5
    assert half.signatures


def test_numba_is_as_it_was_once_a_kernel_is_compiled_or_fails_to() -> None:
    changed: list[tuple[Any, str]] = [
        (BaseFunction, "get_call_type"), (PyCallWrapper, "build"), (JITCodeLibrary, "_finalize_final_module"),
        (JITCodeLibrary, "get_pointer_to_function"), (JITCPUCodegen, "set_env"),
    ]  # fmt: skip
    before = [getattr(owner, name) for owner, name in changed]

    @jit(f8, f8)
    def inner(x: Any) -> Any:
        return x.no_such_thing

    @jit(f8, f8)
    def wrong(x: Any) -> Any:
        return inner(x)

    with pytest.raises(numba.TypingError):
        wrong(1.0)
    assert [getattr(owner, name) for owner, name in changed] == before


def run(code: str, folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("ECOGRAPH_CACHE", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_cache_is_named_after_what_the_kernels_are_made_from(tmp_path: Path) -> None:
    (tmp_path / "ecograph").mkdir()
    (tmp_path / "ecograph" / "__init__.py").touch()
    shutil.copytree(CPU, tmp_path / "ecograph" / "cpu", ignore=shutil.ignore_patterns("__pycache__"))
    helper = tmp_path / "ecograph" / "cpu" / "helper.py"
    code = "from ecograph.cpu import _kept; print(_kept.FOLDER)"
    caches = []
    for body in ("return x + 1", "return x + 2", "return x + 1"):
        helper.write_text(f"def step(x):\n    {body}\n")
        caches.append(run(code, tmp_path, ECOGRAPH_CACHE=str(tmp_path / "cache")))
    assert caches[0] != caches[1], "a change in a helper must not find the old machine code"
    assert caches[0] == caches[2]
    assert caches[0].startswith(str(tmp_path / "cache"))


def test_compiling_leaves_scipy_alone_and_others_can_still_multiply_matrices(tmp_path: Path) -> None:
    code = """
        import sys
        import numba, numpy as np
        from ecograph.cpu import exact
        exact.multiply.compile_now()
        before = "scipy.linalg" in sys.modules
        print(before, numba.njit(lambda a: a @ a)(2.0 * np.eye(2))[0, 0])
    """
    cache = {"ECOGRAPH_CACHE": str(tmp_path), "PYTHONPATH": str(CPU.parents[1])}
    assert run(textwrap.dedent(code), tmp_path, **cache).splitlines()[-1] == "False 4.0"


def test_without_a_writable_folder_kernels_still_run_and_doctor_says_so(tmp_path: Path) -> None:
    wall = tmp_path / "wall"  # folders under a file can't be made, not even by root
    wall.touch()
    code = """
from ecograph.cpu._jit import i8, jit
@jit(i8, i8)
def double(x):
    return 2 * x
from ecograph.doctor import examine
(finding,) = [each for each in examine() if each.name == "kernel cache"]
print(double(21), finding.ok, finding.found, "|", finding.remedy)
"""
    file = tmp_path / "script.py"  # Numba reads a kernel's source, which -c doesn't keep
    file.write_text(code)
    said = run(f"exec(compile(open({str(file)!r}).read(), {str(file)!r}, 'exec'))", CPU.parents[1],
               HOME=str(wall / "home"), XDG_CACHE_HOME=str(wall / "cache"))  # fmt: skip
    assert said.startswith("42 False no writable cache folder")
    assert "ECOGRAPH_CACHE" in said
