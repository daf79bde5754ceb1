"""Twins of the draws in ``ecograph.cpu.draws``: the same numbers, bit for bit, in arrays on the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from ecograph.gpu._module import THREADS, blocks, module

__all__ = ["exponential_rows", "gamma_rows", "normal_rows"]


def gamma_rows(shape: Any, seed: int, replicate: int, key: Any, out: Any) -> None:
    """out[r] = a gamma of ``shape[r]`` >= 1 and scale 1: mean and variance are the shape. 64 bits of key a row."""
    _launch("gamma_rows", out, shape, np.uint64(seed), np.uint64(replicate), key)


def exponential_rows(seed: int, replicate: int, key: Any, out: Any) -> None:
    """out[r] = an exponential of mean 1, in a stream of its own: not the gamma of shape 1 of the same key."""
    _launch("exponential_rows", out, np.uint64(seed), np.uint64(replicate), key)


def normal_rows(seed: int, replicate: int, key: Any, out: Any) -> None:
    """out[r] = a standard normal."""
    _launch("normal_rows", out, np.uint64(seed), np.uint64(replicate), key)


def _launch(name: str, out: Any, *given: Any) -> None:
    module("draws").get_function(name)(blocks(out.size), (THREADS,), (*given, out, np.int64(out.size)))
