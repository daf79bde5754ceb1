"""How long does a closure take? ``python benchmarks/esri.py [n] [closures]``, on one thread, as JSON lines."""

from __future__ import annotations

import json
import os
import platform
import sys
import time

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numba
import numpy as np
import polars as pl

import ecograph
from ecograph.ecosystem import Ecosystem
from ecograph.metrics import cascade_loss

MEAN, EXPONENT, CAP, GROUPS = 8, 2.3, 128, 50


def power_law(n: int, seed: int = 1) -> Ecosystem:
    """In- and out-degrees from a power law, scaled to the mean degree; amounts and demand outside exponential."""
    rng = np.random.default_rng(seed)
    chance = np.arange(1, CAP + 1) ** -EXPONENT
    drawn = rng.choice(np.arange(1, CAP + 1), (2, n), p=chance / chance.sum())
    degree = np.minimum(CAP, np.rint(drawn * MEAN / drawn.mean(axis=1, keepdims=True))).astype(np.int64)
    ends = [rng.permutation(np.repeat(np.arange(n), each)) for each in degree]
    size = min(each.size for each in ends)
    names = np.array([f"f{i}" for i in range(n)])
    ties = {"provider": names[ends[0][:size]], "receiver": names[ends[1][:size]], "weight": rng.exponential(1, size)}
    groups = [f"g{g}" for g in rng.integers(0, GROUPS, n)]
    people = {"id": names, "group": groups, "external_demand": rng.exponential(2, n)}
    return Ecosystem.from_ties(pl.DataFrame(ties), pl.DataFrame(people))


def main(n: int = 10_000, closures: int = 500) -> None:
    """Warm, then time; processor time, which other work on the machine disturbs least."""
    eco = power_law(n)
    where = {"ecograph": ecograph.__version__, "numba": numba.__version__, "python": platform.python_version(),
             "machine": platform.machine(), "processor": platform.processor(), "cores": os.cpu_count()}  # fmt: skip
    print(json.dumps(where | {"participants": n, "ties": len(eco.ties), "closures": closures}), flush=True)
    shocks = eco.ids[:closures].to_list()
    for name, published in (("reference", True), ("tol=1e-8, bounds", False)):
        cascade_loss(eco, shocks[:1], reference=published)
        began = time.process_time()
        cascade_loss(eco, [], reference=published)
        built = time.process_time() - began
        begun = time.process_time()
        found = cascade_loss(eco, shocks, reference=published)
        spent = time.process_time() - begun - built
        print(json.dumps({"rule": name, "ms_per_closure": round(1e3 * spent / closures, 3),
                          "mean_rounds": found.table["iterations"].mean(), "building_ms": round(1e3 * built, 1),
                          "without_bound": found.table["error_bound"].null_count()}))  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
