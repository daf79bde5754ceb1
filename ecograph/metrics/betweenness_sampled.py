"""Who lies in between, from as few searches as a stated error allows?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import paths as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.metrics.paths import between
from ecograph.metrics.searches import Searches, blocks_added, lengths
from ecograph.metrics.tie_graph import TieGraph
from ecograph.progress import Progress

__all__ = ["SampledBetweenness", "bernstein", "drawn", "hoeffding", "sampled_betweenness", "schedule"]

GROWTH = 1.5  # of the number of searches from round to round: at most a half are more than were needed
U = 2.0**-53


@dataclass(frozen=True, eq=False)
class SampledBetweenness:
    """Estimates of betweenness, and how far they may be off.

    Parameters
    ----------
    values : (n,) float64 in [0, 1] in the order of ``eco.ids``, as ``betweenness_centrality`` normalises them.
    eps : the error asked for.
    delta : the probability that some participant's error may be larger.
    samples : searches behind ``values``.
    bound_reached : at most ``eps``; with probability 1 - ``delta`` no error is larger. 0 where the values are exact,
        everyone having been searched from.
    """

    values: NDArray[np.float64]
    eps: float
    delta: float
    samples: int
    bound_reached: float


def sampled_betweenness(
    eco: Ecosystem,
    eps: float,
    *,
    delta: float = 0.05,
    seed: int = 0,
    distance: str | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> SampledBetweenness:
    r"""Betweenness of every participant within ``eps``, with probability 1 - ``delta`` for all of them together.

    With S participants s drawn at random, with replacement, and Brandes' dependency delta_s(v), 0 for s = v:

    .. math:: \hat b_v = \frac{n}{n - 1} \cdot \frac{1}{S} \sum_s X_s, \qquad X_s = \frac{\delta_s(v)}{n - 2} \in [0, 1]

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    eps : largest absolute error of normalised betweenness, in (0, 1).
    delta : probability in (0, 1) that anyone's error is larger.
    seed : whole number from 0 to 2**128 - 1, the key of the Philox generator that draws participants.
    distance : None for hops, "inverse" or "weight"; as for ``betweenness_centrality``.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu". In hops a GPU can do it: docs/gpu.md says when "auto" takes one.
    progress : True for a bar, or a callable of (label, done, total); counts searches of each round.

    Returns
    -------
    SampledBetweenness
        Estimates, the number of searches and the bound that they reached. Where a round would take n searches or more,
        or n < 3, the values are exact instead. The same bits for the same seed and any number of threads.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : ``distance`` is given, the relations have different units and nothing says how to join them.
    EcographError : an impossible eps, delta or seed, an unknown distance, lengths that don't add up to a number, or
        more paths than float64 can count.
    DeviceError : ``device="gpu"`` without one, with lengths, or that fails.
    MemoryLimitError : 1,024 bytes a participant don't fit.

    Notes
    -----
    Searches are made in T rounds that are fixed before the first; each round has a chance of delta / (n T) to be wrong
    about a participant. With L = log(4 n T / delta) and V the sample variance of X, both tails of

    .. math:: |\bar X - E X| \le \sqrt{2 V L / S} + \frac{7 L}{3 (S - 1)}

    (Maurer and Pontil 2009, theorem 4) end the work when this times n / (n - 1) is at most eps for everyone. The last
    round has so many searches that Hoeffding's bound suffices whatever was drawn. O(arrows) time a search in hops.

    Examples
    --------
    A star of 3,000 partners that all trade by way of the platform o, whose betweenness is 1 (X is 1 whoever is
    drawn, but for o itself):

    >>> partners = [f"p{i}" for i in range(3000)]
    >>> ties = {"provider": partners + ["o"] * 3000, "receiver": ["o"] * 3000 + partners, "weight": [1] * 6000}
    >>> eco = Ecosystem.from_ties(ties)
    >>> found = sampled_betweenness(eco, 0.05)
    >>> round(float(found.values[eco.row_of("o")]), 2), found.samples, found.bound_reached <= 0.05
    (1.0, 656, True)

    References
    ----------
    .. [1] A. Maurer, M. Pontil, "Empirical Bernstein bounds and sample variance penalization", COLT 2009.
    .. [2] U. Brandes, C. Pich, "Centrality estimation in large networks", Int. J. Bifurcation Chaos 17 (2007), 2303.
    .. [3] W. Hoeffding, "Probability inequalities for sums of bounded random variables", J. ASA 58 (1963), 13.
    """
    _check(eps, delta, seed)
    graph, length = lengths(eco, distance, False, layer, relation_weights, normalise)
    n, moments = graph.n, _Moments(graph, length, progress, device)
    sizes, rounds = schedule(n, eps, delta) if n > 2 else ([n], 1)
    for size in sizes:
        if size >= n:
            break
        mean, variance = moments.of(drawn(seed, n, size))
        if size == sizes[-1]:
            bound = hoeffding(size, n, rounds, delta)
        else:
            bound = float(bernstein(mean, variance, size, n, rounds, delta).max())
        if bound <= eps:
            return SampledBetweenness(np.minimum(mean * (n / (n - 1)), 1.0), eps, delta, size, bound)
    exact = between(graph, length, False, progress, device) / max(1, (n - 1) * (n - 2))
    return SampledBetweenness(exact, eps, delta, n, 0.0)


def _check(eps: float, delta: float, seed: int) -> None:
    for name, value in (("eps", eps), ("delta", delta)):
        if not 0.0 < value < 1.0:
            raise EcographError(f"{name}={value} isn't in (0, 1).", hint=f"{name}={0.01 if name == 'eps' else 0.05}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**128:
        raise EcographError(f"seed={seed!r} isn't a whole number from 0 to 2**128 - 1.", hint="seed=0")


def schedule(n: int, eps: float, delta: float) -> tuple[list[int], int]:
    """Searches of each round, all in all, and T, at least the number of rounds.

    The first are as many as suffice where nothing varies, the last as Hoeffding's bound needs; multiples of BLOCKS.
    """
    a, rounds = eps * (n - 1) / n, 0
    sizes = [0, 0]
    while len(sizes) > rounds:
        rounds += 1
        last = log(2 * n * rounds / delta) / (2 * a * a)
        size = 1 + 7 * log(4 * n * rounds / delta) / (3 * a)
        sizes = []
        while _whole(size) < _whole(last):
            sizes.append(_whole(size))
            size = GROWTH * sizes[-1]
        sizes.append(_whole(last))
    return sizes, rounds


def _whole(size: float) -> int:
    return ceil((size + 1e-6) / kernels.BLOCKS) * kernels.BLOCKS  # the millionth: more than the logarithms round


def hoeffding(size: int, n: int, rounds: int, delta: float) -> float:
    """The bound of the last round, the same for everyone."""
    return n / (n - 1) * sqrt(log(2 * n * rounds / delta) / (2 * size))


def bernstein(
    mean: NDArray[np.float64], variance: NDArray[np.float64], size: int, n: int, rounds: int, delta: float
) -> NDArray[np.float64]:
    """The bound of an earlier round for everyone, from the moments of X.

    The computed variance may be too small by what its two sums round, 2 S u of a mean square <= the mean.
    """
    chance = log(4 * n * rounds / delta)
    most = variance + 4 * size * U * mean
    bound: NDArray[np.float64] = n / (n - 1) * (np.sqrt(2 * most * chance / size) + 7 * chance / (3 * (size - 1)))
    return bound


def drawn(seed: int, n: int, size: int) -> NDArray[np.int32]:
    """The first so many participants that a seed draws; nobody's chance is off 1 / n by more than 2**-64."""
    raw = np.random.Philox(key=seed).random_raw(size)
    return (raw % np.uint64(n)).astype(np.int32)


class _Moments:
    """Sums over the searches made so far; more can be added."""

    def __init__(
        self, graph: TieGraph, length: NDArray[np.float64] | None, progress: Progress, device: str = "auto"
    ) -> None:
        self.n, self.progress, self.done = graph.n, progress, 0
        self.searches = Searches(graph.out, graph.into, length, more=16, device=device)
        self.sums = np.zeros((kernels.BLOCKS, 2, graph.n))

    def of(self, source: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and sample variance of each X over ``source``, which begins with those searched from before."""
        n, size = self.n, source.size
        self.searches.run(kernels.SQUARES, source, self.sums.ravel(), np.empty((0, 0)), begin=self.done,
                          label="betweenness", progress=self.progress)  # fmt: skip
        self.done = size
        total, squares = blocks_added(self.sums)
        mean = total / (n - 2) / size
        return mean, np.maximum(squares / (n - 2) ** 2 / size - mean * mean, 0.0) * (size / (size - 1))
