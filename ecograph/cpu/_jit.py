"""The one place where Numba's options are chosen.

``jit`` compiles a kernel for exactly one signature (arrays that are only read are declared
read-only, so that Polars and Arrow buffers need no second specialisation) and caches it in a folder
named after the content of ``ecograph/cpu``: Numba itself doesn't notice that an *imported* helper
changed (``_kept``). Where no folder is writable the kernel is compiled anew in each process, and ``ecograph doctor``
says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from numba import types

from ecograph.cpu._kept import FOLDER, PATIENCE, claimed
from ecograph.cpu._lean import lean

__all__ = ["F8", "F8_2", "I1", "I2", "I4", "I8", "U1", "U2", "U4", "U8", "F8w", "F8w_2", "I1w", "I2w", "I4w", "I4w_2",
           "I8w", "U1w", "U2w", "U4w", "U8w", "b1", "f8", "i1", "i4", "i8", "jit", "prange",
           "u1", "u4", "u8"]  # fmt: skip

prange = numba.prange
b1, i1, u1, i4, u4, i8, u8, f8 = (
    types.boolean, types.int8, types.uint8, types.int32, types.uint32, types.int64, types.uint64, types.float64
)  # fmt: skip


def _array(dtype: Any, *, ndim: int = 1, write: bool = False) -> types.Array:
    return types.Array(dtype, ndim, "C", readonly=not write)


# One-dimensional C-contiguous arrays: read-only, and with a trailing w writable.
U1, I1, I2, U2, I4, U4, I8, U8, F8 = map(_array, (u1, types.int8, types.int16, types.uint16, i4, u4, i8, u8, f8))
U1w, I1w, I2w, U2w, I4w, U4w, I8w, U8w, F8w = (
    _array(a.dtype, write=True) for a in (U1, I1, I2, U2, I4, U4, I8, U8, F8)
)
# Row-major matrices: one row a participant, one column a lane.
F8_2, F8w_2, I4w_2 = _array(f8, ndim=2), _array(f8, ndim=2, write=True), _array(i4, ndim=2, write=True)


_ONE_AT_A_TIME = threading.RLock()


def jit(
    result: Any, *arguments: Any, parallel: bool = False, lanes: bool = False, inline: str = "never"
) -> Callable[[Callable[..., Any]], Any]:
    """Compile for ``result(*arguments)`` and nothing else; release the GIL; never reorder floating point.

    ``lanes``: turn like steps on neighbouring numbers into one step on a vector of them (LLVM's SLP vectoriser, which
    Numba leaves off). No sum changes its order; kernels over lanes take half the time. ``inline="always"`` for what
    loops call: without calls, a loop becomes one of vectors.

    That happens when the kernel is first called, or first called by another that is compiled: importing a module that
    holds twenty kernels to use one compiles one.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        options = {"nogil": True, "parallel": parallel, "inline": inline, **_needless(function)}
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(FOLDER or "")
        try:  # the folder is read once, while the decorator runs: other users of Numba keep theirs
            kernel = numba.njit(cache=FOLDER is not None, **options)(function)
        finally:
            numba.config.CACHE_DIR = before
        if hasattr(kernel, "get_call_template"):  # not where Numba is switched off
            _put_off(kernel, options, result(*arguments), int(lanes))
        return kernel

    return decorate


def _needless(function: Callable[..., Any]) -> dict[str, Any]:
    """What needn't be compiled: a fifth of the time that the first call of all takes.

    Nobody calls kernels from C. Kernels never divide by zero, so that no check of it is needed (``DISABLE_JIT`` has
    one still). What allocates no array counts no references, and has no expressions of whole arrays for Numba to look
    for; one that does without saying ``np`` fails to compile.
    """
    allocates = not {"np", "copy"}.isdisjoint(function.__code__.co_names)
    return {"no_cfunc_wrapper": True, "error_model": "numpy", "_nrt": allocates, "no_rewrites": not allocates}


def _put_off(kernel: Any, options: dict[str, Any], signature: Any, slp: int) -> None:
    """Nothing is compiled until the kernel is called, by Python or by another kernel that is compiled.

    For that other kernel it is a twin without the part that takes Python's arguments apart, a quarter of the work.
    Twins aren't cached: they are in the machine code of their callers.
    """
    name = f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}"

    def compile_now(patience: float = PATIENCE, *, must: bool = True) -> Any:
        if not kernel.signatures:
            with _ONE_AT_A_TIME, claimed(name, patience) as ours:
                if ours or must:
                    _compile(kernel, signature, slp)
                    vars(kernel).pop("_compile_for_args", None)  # several threads may have waited for it
        return kernel

    @cache
    def twin() -> Any:
        found = numba.njit(no_cpython_wrapper=True, **options)(kernel.py_func)
        _compile(found, signature, slp, callee=True)
        return found

    kernel.compile_now = compile_now
    # Numba calls what this gives once more, so that the first arguments are checked like all later ones.
    kernel._compile_for_args = lambda *_, **__: compile_now()
    kernel.get_call_template = lambda *types: twin().get_call_template(*types)
    kernel.get_overload = lambda signature: twin().get_overload(signature)


def _compile(kernel: Any, signature: Any, slp: int, *, callee: bool = False) -> None:
    from ecograph.output import uninterrupted

    # LLVM's callbacks swallow a Ctrl-C: it waits until the kernel is there.
    with _ONE_AT_A_TIME, uninterrupted(), lean(callee=callee):
        if not kernel.signatures:
            before, numba.config.SLP_VECTORIZE = numba.config.SLP_VECTORIZE, slp  # read while it compiles
            try:
                kernel.compile(signature)
            finally:
                numba.config.SLP_VECTORIZE = before
            kernel.disable_compile()
