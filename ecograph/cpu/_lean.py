"""Numba while it compiles, without the work whose result nobody uses: what the first call of all waits for.

Each of these changes one thing of Numba for as long as a kernel compiles, and puts it back. None changes what a kernel
computes: the kernel itself has the optimisation that Numba gives it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from numba.core.callwrapper import PyCallWrapper
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.types.functions import BaseFunction

__all__ = ["lean"]

_CALLS: dict[Any, Any] = {}


@contextmanager
def lean(*, callee: bool) -> Iterator[None]:
    """All of it; a ``callee`` is what only kernels call, from machine code of their own."""
    _without_scipy()
    with ExitStack() as changed:
        for change in (_no_collection(), _remembered(), _plain_wrappers(), *([_no_code()] if callee else [])):
            changed.enter_context(change)
        yield


@contextmanager
def _replaced(owner: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Numba makes objects by the million and drops few in cycles: looking for them takes a tenth of a compilation."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _remembered() -> Any:
    """Of a function and types of arguments, the type of the call: Numba tries some nine ways for each sum of numbers.

    The kernels of one ranking have 6,127 calls and operators in them, 892 of them different: a seventh of the time.
    """
    functions: Any = BaseFunction
    before = functions.get_call_type

    def call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return before(self, context, args, kws)
        found = _CALLS.get((self, args))
        if found is None:
            found = _CALLS[self, args] = before(self, context, args, kws)
        return found

    return _replaced(functions, "get_call_type", call_type)


def _plain_wrappers() -> Any:
    """What takes Python's arguments apart runs once a call and is as long as the kernel: LLVM leaves it as it is.

    A twelfth of the time. ``optnone`` is LLVM's word for it, which needs ``noinline``.
    """
    wrapper: Any = PyCallWrapper
    before = wrapper.build

    def build(self: Any) -> Any:
        built = before(self)
        for attribute in ("noinline", "optnone"):
            built[0].attributes.add(attribute)
        return built

    return _replaced(wrapper, "build", build)


@contextmanager
def _no_code() -> Iterator[None]:
    """Callees are linked into their callers as LLVM's code: of their own they need no machine code, nor an address."""

    def finish(self: Any) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    with (
        _replaced(JITCodeLibrary, "_finalize_final_module", finish),
        _replaced(JITCodeLibrary, "get_pointer_to_function", lambda *_: 0),
        _replaced(JITCPUCodegen, "set_env", lambda *_: None),
    ):
        yield


@cache
def _without_scipy() -> None:
    """Numba's functions on arrays, without SciPy's BLAS, which they look for as they are imported (.15 s a process).

    No kernel here multiplies matrices. One of somebody else's that does looks for it again.
    """
    from numba.np import linalg

    before, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        arrays: Any = import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = before
    arrays.ensure_blas = before
