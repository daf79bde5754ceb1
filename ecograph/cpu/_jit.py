"""The one place where Numba's options are chosen.

``jit`` compiles a kernel for exactly one signature (arrays that are only read are declared
read-only, so that Polars and Arrow buffers need no second specialisation) and caches it in a folder
named after the content of ``ecograph/cpu``: Numba itself doesn't notice that an *imported* helper
changed. Where no folder is writable the kernel is compiled anew in each process; ``cache_state``
says so and ``ecograph doctor`` prints it.
"""

from __future__ import annotations

import gc
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core.types.functions import BaseFunction

__all__ = ["F8", "F8_2", "I1", "I2", "I4", "I8", "U1", "U2", "U4", "U8", "F8w", "F8w_2", "I1w", "I2w", "I4w", "I4w_2",
           "I8w", "U1w", "U2w", "U4w", "U8w", "b1", "cache_state", "cached", "f8", "i1", "i4", "i8", "jit", "prange",
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


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _choose_cache() -> Path | None:
    """The first writable folder among ECOGRAPH_CACHE, XDG_CACHE_HOME and ~/.cache, or none."""
    roots = [os.environ.get("ECOGRAPH_CACHE"), os.environ.get("XDG_CACHE_HOME"), os.path.expanduser("~/.cache")]
    for root in filter(None, roots):
        folder = Path(root) / "ecograph" / _source_hash()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


_CACHE = _choose_cache()
_ONE_AT_A_TIME = threading.RLock()


def cache_state() -> str:
    """Where compiled kernels are kept, in words for ``ecograph doctor``."""
    return f"kernels cached in {_CACHE}" if _CACHE else "no writable cache folder: kernels compile in every process"


def cached() -> int | None:
    """How many kernels are kept compiled; None where none can be."""
    return None if _CACHE is None else sum(1 for _ in _CACHE.rglob("*.nbi"))


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
        options = {"nogil": True, "parallel": parallel, "inline": inline, **_lean(function)}
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_CACHE or "")
        try:  # the folder is read once, while the decorator runs: other users of Numba keep theirs
            kernel = numba.njit(cache=_CACHE is not None, **options)(function)
        finally:
            numba.config.CACHE_DIR = before
        if hasattr(kernel, "get_call_template"):  # not where Numba is switched off
            _put_off(kernel, options, result(*arguments), int(lanes))
        return kernel

    return decorate


def _lean(function: Callable[..., Any]) -> dict[str, Any]:
    """What needn't be compiled: a fifth of the time that the first call of all takes.

    Nobody calls kernels from C. Kernels never divide by zero, so that no check of it is needed (``DISABLE_JIT`` has
    one still). What allocates no array counts no references; one that does without saying ``np`` fails to compile.
    """
    allocates = not {"np", "copy"}.isdisjoint(function.__code__.co_names)
    return {"no_cfunc_wrapper": True, "error_model": "numpy", "_nrt": allocates}


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


_CALLS: dict[Any, Any] = {}


@contextmanager
def _remembered() -> Iterator[None]:
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

    functions.get_call_type = call_type
    try:
        yield
    finally:
        functions.get_call_type = before


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


def _put_off(kernel: Any, options: dict[str, Any], signature: Any, slp: int) -> None:
    """Nothing is compiled until the kernel is called, by Python or by another kernel that is compiled.

    For that other kernel it is a twin without the part that takes Python's arguments apart, a quarter of the work.
    Twins aren't cached: they are in the machine code of their callers.
    """

    def compile_now() -> Any:
        if not kernel.signatures:
            _compile(kernel, signature, slp)
            vars(kernel).pop("_compile_for_args", None)  # several threads may have waited for it
        return kernel

    @cache
    def twin() -> Any:
        found = numba.njit(no_cpython_wrapper=True, **options)(kernel.py_func)
        _compile(found, signature, slp)
        return found

    kernel.compile_now = compile_now
    # Numba calls what this gives once more, so that the first arguments are checked like all later ones.
    kernel._compile_for_args = lambda *_, **__: compile_now()
    kernel.get_call_template = lambda *types: twin().get_call_template(*types)
    kernel.get_overload = lambda signature: twin().get_overload(signature)


def _compile(kernel: Any, signature: Any, slp: int) -> None:
    from ecograph.output import uninterrupted

    # LLVM's callbacks swallow a Ctrl-C: it waits until the kernel is there.
    with _ONE_AT_A_TIME, uninterrupted(), _no_collection(), _remembered():
        _without_scipy()
        if not kernel.signatures:
            before, numba.config.SLP_VECTORIZE = numba.config.SLP_VECTORIZE, slp  # read while it compiles
            try:
                kernel.compile(signature)
            finally:
                numba.config.SLP_VECTORIZE = before
            kernel.disable_compile()
