"""Ask memory for what is needed soon. It changes no value: a processor may ignore it.

A row of some ten arrows ends where a processor doesn't expect it, and what it had begun to load for later rows is
thrown away. Asking ahead keeps as many loads under way as memory bears.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["prefetch"]


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(typing: Any, array: Any, at: Any) -> Any:
    """llvm.prefetch of array[at], for reading, to be kept in all caches."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(made.data, [arguments[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(call, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), emit


def _nothing(array: Any, at: Any) -> None:
    """Where Numba is switched off."""


prefetch = _nothing if numba.config.DISABLE_JIT else _prefetch
