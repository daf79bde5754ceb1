"""Draws against published answers, exact logarithms and the laws they should follow; all seeds are fixed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial
from math import nextafter
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from ecograph.cpu import draws
from tests.reference.draws import philox as plain_philox

N = 40_000
KEYS = np.arange(N, dtype=np.uint64)
F8Array = Any


def gammas(shape: float, *, seed: int = 1, replicate: int = 0, keys: Any = KEYS) -> F8Array:
    out = np.empty(keys.size)
    draws.gamma_rows(np.full(keys.size, shape), seed, replicate, keys, out)
    return out


def drawn(rows: Any, seed: int = 1, replicate: int = 0, keys: Any = KEYS) -> F8Array:
    out = np.empty(keys.size)
    rows(seed, replicate, keys, out)
    return out


def words(key: tuple[int, ...], counter: tuple[int, ...]) -> tuple[int, ...]:
    packed = [np.uint64(a | b << 32) for a, b in (key, counter[:2], counter[2:])]
    low, high = (int(half) for half in draws.philox(*packed))
    return low & 0xFFFFFFFF, low >> 32, high & 0xFFFFFFFF, high >> 32


# Random123's known answers (kat_vectors, philox4x32 10)
ALL = 0xFFFFFFFF
KNOWN = [
    ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL, ALL), (ALL, ALL, ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0xA4093822, 0x299F31D0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN)
def test_philox_gives_the_published_answers(
    key: tuple[int, ...], counter: tuple[int, ...], answer: tuple[int, ...]
) -> None:
    assert words(key, counter) == answer
    assert tuple(plain_philox(key, counter)) == answer


WORD = st.integers(0, ALL)


@given(st.tuples(WORD, WORD), st.tuples(WORD, WORD, WORD, WORD))
def test_philox_equals_plain_integers(key: tuple[int, ...], counter: tuple[int, ...]) -> None:
    assert words(key, counter) == tuple(plain_philox(key, counter))


def ulps(x: float) -> float:
    """Error of the logarithm in units of the last place of the true value."""
    with localcontext() as context:
        context.prec = 45
        true = Decimal(x).ln()
        unit = Decimal(float(np.spacing(abs(float(true)) or 2.0**-1074)))
        return float(abs(Decimal(float(draws.log(x))) - true) / unit)


HALF_ROOT = 0.5**0.5


@given(st.floats(2.0**-1022, 1.7e308) | st.floats(2.0**-53, 1 - 2.0**-53) | st.floats(0.5, 1.5))
@example(1.0)
@example(nextafter(1.0, 0.0))
@example(nextafter(1.0, 2.0))
@example(HALF_ROOT)
@example(nextafter(HALF_ROOT, 1.0))
@example(2.0**-1022)
def test_the_logarithm_is_off_by_less_than_a_unit_in_the_last_place(x: float) -> None:
    assert ulps(x) < 1.0


def test_the_logarithm_over_all_scales() -> None:
    """The ends of each binade, where the parts of ln 2 weigh most, and where it turns from one binade to the next."""
    points = [2.0**e * m for e in range(-60, 60) for m in (1.0, 1.3, nextafter(2**0.5, 0), nextafter(2**0.5, 2), 1.9)]
    points += [0.7071 * (1 - k / 2000) for k in range(600)]  # the largest errors known lie here, 0.85
    assert max(map(ulps, points)) < 1.0


# Laws: the p-value of a Kolmogorov-Smirnov test of 40,000 draws with a fixed seed; a wrong law gives less than 1e-9

LAWS: dict[str, tuple[Callable[[], F8Array], Any]] = {
    "exponential": (partial(drawn, draws.exponential_rows), stats.expon()),
    "normal": (partial(drawn, draws.normal_rows), stats.norm()),
    **{f"gamma {a}": (partial(gammas, a), stats.gamma(a)) for a in (1.0, 1.0001, 1.5, 2.0, 7.3, 100.0, 1e6)},
}


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law(name: str) -> None:
    draw, law = LAWS[name]
    x = draw()
    assert stats.kstest(x, law.cdf).pvalue > 0.001
    mean, variance, skewness, kurtosis = (float(v) for v in law.stats("mvsk"))
    assert abs(x.mean() - mean) < 4 * (variance / N) ** 0.5
    assert abs(x.var() - variance) < 4 * variance * ((kurtosis + 2) / N) ** 0.5
    assert abs(stats.skew(x) - skewness) < 0.1 * (1 + skewness)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (2, 0.5), (16, 0.1), (17, 0.1), (40, 0.75), (1000, 0.01), (10**6, 0.4)])
def test_events_kept_are_binomial(n: int, p: float) -> None:
    """Chi-squared over cells of equal chance, so far as whole numbers allow."""
    kept = draws.kept_rows(np.full(N, n), p, 3, 0, KEYS)
    law = stats.binom(n, 1 - p)
    assert ((kept >= 0) & (kept <= n)).all()
    edges = np.unique(law.ppf(np.linspace(0.02, 0.98, 25)))
    chance = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    seen = np.bincount(np.searchsorted(edges, kept), minlength=chance.size)
    assert seen[chance == 0].sum() == 0
    some = chance > 0
    assert stats.chisquare(seen[some], chance[some] * N).pvalue > 0.001
    assert abs(kept.mean() - n * (1 - p)) < 4 * (n * p * (1 - p) / N) ** 0.5


def test_the_ends_of_binomials() -> None:
    """2**62 events: within five standard errors of 2**30. Chances are rounded, so at 1 a few of those could be left."""
    counts = np.array([0, 1, 16, 17, 10**6, 2**62])
    keys = KEYS[: counts.size]
    assert np.array_equal(draws.kept_rows(counts, 0.0, 1, 0, keys)[:-1], counts[:-1])
    assert not draws.kept_rows(counts, 1.0, 1, 0, keys)[:-1].any()
    assert abs(int(draws.kept_rows(counts, 0.5, 1, 0, keys)[-1]) - 2**61) < 5 * 2**30


# Keys


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off: there are no threads")
def test_same_bits_for_one_thread_and_two() -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread: nothing to compare")
    before, seen = numba.get_num_threads(), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        kept = draws.kept_rows(np.full(N, 50), 0.3, 1, 0, KEYS)
        parts = [gammas(2.5), drawn(draws.normal_rows), drawn(draws.exponential_rows), kept]
        seen.append(b"".join(part.tobytes() for part in parts))
    numba.set_num_threads(before)
    assert seen[0] == seen[1]


def test_a_draw_belongs_to_its_key_and_not_to_its_row() -> None:
    some = KEYS[::-7].copy()
    assert np.array_equal(gammas(3.5, keys=some), gammas(3.5)[::-7])


def test_every_part_of_the_key_counts_and_neighbours_are_unrelated() -> None:
    """Correlations of 40,000 unrelated pairs have standard error 0.005."""
    first = gammas(2.0)
    others = [gammas(2.0, seed=2), gammas(2.0, seed=1 + 2**32), gammas(2.0, replicate=1),
              gammas(2.0, replicate=2**32 - 1), gammas(2.0, keys=KEYS + np.uint64(N)),
              gammas(2.0, keys=KEYS + np.uint64(2**32)), drawn(draws.exponential_rows),
              drawn(draws.normal_rows), draws.kept_rows(np.full(N, 10), 0.5, 1, 0, KEYS),
              np.roll(first, 1), np.roll(first, 2)]  # fmt: skip
    for other in others:
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.022
    assert abs(np.corrcoef(gammas(1.0), drawn(draws.exponential_rows))[0, 1]) < 0.022


def test_uniforms_never_touch_0_or_1() -> None:
    assert draws._unit(np.uint64(0)) == 2.0**-53
    assert draws._unit(np.uint64(2**64 - 1)) == 1 - 2.0**-53
