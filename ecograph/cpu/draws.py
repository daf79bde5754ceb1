"""Random draws that depend on nothing but their key: uniform, exponential, normal, gamma and binomial.

A draw is a function of (seed, replicate, key, stream, step, call), by the counter-based generator Philox4x32-10
[1]_. So any number of threads, any order and any subset give the same bits. Its arithmetic is + - * / and sqrt on
float64, all correctly rounded, and a logarithm of our own: a device that rounds as IEEE 754 says, and fuses no
multiply with an add, gives the same bits too.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC11 (2011).
.. [2] G. Marsaglia, W. W. Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26 (2000), 363.
.. [3] G. Marsaglia, T. A. Bray, "A Convenient Method for Generating Normal Variables", SIAM Review 6 (1964), 260.
.. [4] D. A. Relles, "A Simple Algorithm for Generating Binomial Random Variables when N Is Large", J. Am. Stat.
   Assoc. 67 (1972), 612.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I8, U8, F8w, I8w, f8, i8, jit, prange, u8
from ecograph.cpu.threads import over_blocks

__all__ = [
    "exponential_draws",
    "exponential_rows",
    "gamma_draw",
    "gamma_rows",
    "kept_rows",
    "log",
    "normal_rows",
    "philox",
]

U8Array: TypeAlias = NDArray[np.uint64]
F8Array: TypeAlias = NDArray[np.float64]

ATTEMPTS = 64  # each fails with a chance below 0.26, so all of them with one below 1e-37
_BLOCK = 1 << 14  # rows that a thread draws together
FEW = 16  # events dropped one by one; more are first halved
ALONE = 4_096  # rows that one thread draws sooner than another wakes up

# Draws for different ends never share a counter: the stream is bits 16 to 23 of what is handed on as `step`.
_GAMMA, _NORMAL, _CLUSTER, _DROP = (np.uint64(stream << 16) for stream in range(4))

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # the constants of [1]
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@jit(types.UniTuple(u8, 2), u8, u8, u8, inline="always")
def philox(key: np.uint64, low: np.uint64, high: np.uint64) -> Any:
    """Philox4x32-10 of the counter (low, high): words 0 and 1, then 2 and 3, the first in the lower half.

    Products of 32-bit words and sums with a mask: nothing overflows 64 bits.
    """
    c0, c1, c2, c3 = low & _LOW, low >> _32, high & _LOW, high >> _32
    k0, k1 = key & _LOW, key >> _32
    for _ in range(10):
        p, q = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (q >> _32) ^ c1 ^ k0, q & _LOW, (p >> _32) ^ c3 ^ k1, p & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0 | (c1 << _32), c2 | (c3 << _32)


@jit(f8, u8, inline="always")
def _unit(bits: np.uint64) -> Any:
    """The upper 52 bits as the middle of one of 2**52 equal cells of (0, 1): exact, and never 0 or 1.

    As the fraction of a number in [1, 2), from which 1 is taken: a processor turns several at once into floats so.
    """
    return (np.uint64((bits >> u8(12)) | _ONE).view(np.float64) - 1.0) + 2.0**-53


@jit(types.UniTuple(f8, 2), u8, u8, u8, u8, u8)
def _uniforms(seed: np.uint64, replicate: np.uint64, key: np.uint64, step: np.uint64, call: np.uint64) -> Any:
    """Two uniforms. The counter is key (64 bits), replicate (32), stream (8), step (16), call (8)."""
    x, y = philox(seed, key, replicate | (((step << u8(8)) | call) << _32))
    return _unit(x), _unit(y)


_SHIFT = 0x4338000000000000  # the bits of 3 * 2**51
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # 32 bits: its product with an exponent is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # the rest of ln 2, rounded


@jit(f8, f8, inline="always")
def log(x: float) -> Any:
    """Natural logarithm of a positive, normal, finite number; the error is below 1 unit in the last place.

    x = 2**e m with m in [sqrt(1/2), sqrt(2)), f = m - 1 exactly, s = f / (2 + f), z = s * s. Then
    log m = 2 atanh s = f - s (f - r) with r = 2 z (1/3 + z/5 + ...), cut off where what is left is below 2**-60
    of it. f^2 / 2 is taken out so that little is added to f, which is exact.
    """
    bits = np.float64(x).view(np.int64)
    e = (bits >> 52) - 1023
    m = np.int64((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    big = m > 1.4142135623730951
    m = 0.5 * m if big else m
    e = e + 1 if big else e
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = 2.0 / 19.0 + z * (2.0 / 21.0)
    r = 2.0 / 13.0 + z * (2.0 / 15.0 + z * (2.0 / 17.0 + z * r))
    r = 2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * r))
    r = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * r))
    half = 0.5 * f * f
    k = np.int64(e + _SHIFT).view(np.float64) - 6755399441055744.0  # e as a float: exact, and several at once
    return k * _LN2_HIGH - ((half - (s * (half + r) + k * _LN2_LOW)) - f)


@jit(f8, u8, u8, u8, u8)
def _exponential(seed: np.uint64, replicate: np.uint64, key: np.uint64, step: np.uint64) -> Any:
    u, _ = _uniforms(seed, replicate, key, step, u8(0))
    return -log(u)


@jit(f8, u8, u8, u8, u8, u8)
def _try_normal(seed: np.uint64, replicate: np.uint64, key: np.uint64, step: np.uint64, call: np.uint64) -> Any:
    """One attempt of the polar method [3]; NaN where the point falls outside the circle, 21 times of 100."""
    u, v = _uniforms(seed, replicate, key, step, call)
    a, b = 2.0 * u - 1.0, 2.0 * v - 1.0  # exact, and never 0
    s = a * a + b * b
    if s >= 1.0:
        return np.nan
    return a * sqrt(-2.0 * log(s) / s)


@jit(f8, u8, u8, u8, u8)
def _normal(seed: np.uint64, replicate: np.uint64, key: np.uint64, step: np.uint64) -> Any:
    for attempt in range(ATTEMPTS):
        x = _try_normal(seed, replicate, key, step, u8(attempt))
        if x == x:
            return x
    return 0.0


@jit(f8, f8, u8, u8, u8, u8)
def _gamma(shape: float, seed: np.uint64, replicate: np.uint64, key: np.uint64, step: np.uint64) -> Any:
    """Gamma of a shape >= 1 and scale 1 [2]; shape 1 is exponential and takes no loop."""
    if shape == 1.0:
        return _exponential(seed, replicate, key, step)
    d = shape - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)
    for attempt in range(ATTEMPTS):
        x = _try_normal(seed, replicate, key, step, u8(2 * attempt))
        t = 1.0 + c * x
        if t > 0.0:  # not where x is NaN
            t = t * t * t
            u, _ = _uniforms(seed, replicate, key, step, u8(2 * attempt + 1))
            if log(u) < 0.5 * x * x + d * (1.0 - t + log(t)):
                return d * t
    return shape


@jit(types.void, u8, u8, u8, F8w)
def exponential_draws(seed: np.uint64, replicate: np.uint64, key: np.uint64, out: F8Array) -> None:
    """Numbers of ``gamma_rows`` for shape 1, in this replicate and those after it; several are made at once."""
    for k in range(8):
        bits, _ = philox(seed, key, (replicate + u8(k)) | (_GAMMA << u8(40)))
        out[k] = -log(_unit(bits))


@jit(f8, f8, u8, u8, u8)
def gamma_draw(shape: float, seed: np.uint64, replicate: np.uint64, key: np.uint64) -> Any:
    """One number of ``gamma_rows``."""
    return _gamma(shape, seed, replicate, key, _GAMMA)


@jit(i8, i8, f8, u8, u8, u8)
def _binomial(n: int, p: float, seed: np.uint64, replicate: np.uint64, key: np.uint64) -> Any:
    """How many of n independent events of chance p happen, in O(log n) [4].

    Give every event a uniform; it happens where that is <= p. The one in the middle is the i-th smallest of n, a
    beta of (i, n + 1 - i): either i have happened and the others are uniform above it, or those from the i-th on
    haven't and the others are uniform below.
    """
    happened, step = 0, _DROP
    while n > FEW:
        i = n // 2 + 1
        a = _gamma(f8(i), seed, replicate, key, step)
        b = _gamma(f8(n + 1 - i), seed, replicate, key, step + u8(1))
        step += u8(2)
        middle = a / (a + b)
        if middle <= p:
            happened += i
            n -= i
            p = (p - middle) / (b / (a + b))
        else:
            n = i - 1
            p = p / middle
    for call in range((n + 1) // 2):
        u, v = _uniforms(seed, replicate, key, step, u8(call))
        happened += int(u <= p) + int(v <= p and 2 * call + 1 < n)
    return happened


def gamma_rows(shape: F8Array, seed: int, replicate: int, key: U8Array, out: F8Array) -> None:
    """out[r] = a gamma of ``shape[r]`` >= 1 and scale 1: mean and variance are the shape. 64 bits of key a row."""
    run = _some_gammas if out.size < ALONE else _gamma_rows
    run(shape, np.uint64(seed), np.uint64(replicate), key, out)


@jit(types.void, F8, u8, u8, U8, F8w)
def _some_gammas(shape: F8Array, seed: np.uint64, replicate: np.uint64, key: U8Array, out: F8Array) -> None:
    for r in range(out.size):
        out[r] = _gamma(shape[r], seed, replicate, key[r], _GAMMA)


@jit(types.void, F8, u8, u8, U8, F8w, parallel=True)
def _gamma_rows(shape: F8Array, seed: np.uint64, replicate: np.uint64, key: U8Array, out: F8Array) -> None:
    for r in prange(out.size):
        out[r] = _gamma(shape[r], seed, replicate, key[r], _GAMMA)


def exponential_rows(seed: int, replicate: int, key: U8Array, out: F8Array) -> None:
    """out[r] = an exponential of mean 1, in a stream of its own: not the gamma of shape 1 of the same key."""
    _exponential_rows(np.uint64(seed), np.uint64(replicate), key, out)


@jit(types.void, u8, u8, U8, F8w)
def _exponential_rows(seed: np.uint64, replicate: np.uint64, key: U8Array, out: F8Array) -> None:
    for r in range(out.size):  # one a cluster: seldom enough for a second thread
        out[r] = _exponential(seed, replicate, key[r], _CLUSTER)


def normal_rows(seed: int, replicate: int, key: U8Array, out: F8Array) -> None:
    """out[r] = a standard normal."""
    blocks, work = -(-out.size // _BLOCK), 64 * out.size
    over_blocks(_normal_rows, blocks, work, np.uint64(seed), np.uint64(replicate), key, out)


@jit(types.void, i8, u8, u8, U8, F8w)
def _normal_rows(b: int, seed: np.uint64, replicate: np.uint64, key: U8Array, out: F8Array) -> None:
    end = (b + 1) * _BLOCK if (b + 1) * _BLOCK < out.size else out.size
    for r in range(b * _BLOCK, end):
        out[r] = _normal(seed, replicate, key[r], _NORMAL)


def kept_rows(count: NDArray[np.int64], share: float, seed: int, replicate: int, key: U8Array) -> NDArray[np.int64]:
    """How many of ``count[r]`` events are left when each is dropped with chance ``share``."""
    out = np.empty(count.size, np.int64)
    run = _some_kept if out.size < ALONE else _kept_rows
    run(count, share, np.uint64(seed), np.uint64(replicate), key, out)
    return out


@jit(types.void, I8, f8, u8, u8, U8, I8w)
def _some_kept(
    count: NDArray[np.int64],
    share: float,
    seed: np.uint64,
    replicate: np.uint64,
    key: U8Array,
    out: NDArray[np.int64],
) -> None:
    for r in range(out.size):
        out[r] = count[r] - _binomial(count[r], share, seed, replicate, key[r])


@jit(types.void, I8, f8, u8, u8, U8, I8w, parallel=True)
def _kept_rows(
    count: NDArray[np.int64],
    share: float,
    seed: np.uint64,
    replicate: np.uint64,
    key: U8Array,
    out: NDArray[np.int64],
) -> None:
    for r in prange(out.size):
        out[r] = count[r] - _binomial(count[r], share, seed, replicate, key[r])
