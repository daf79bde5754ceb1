"""The tie table as arrays, in the one order: by receiver, provider, relation, period and, if there, cluster.

Row e of these arrays is edge e of the graph-tool graph and entry e of the pull-CSR.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DTYPES", "NO_CLUSTER", "NO_TIME", "Ties", "let_go"]

NO_CLUSTER = -1  # of a tie whose events are each by themselves
NO_TIME = np.iinfo(np.int64).min  # NumPy's own NaT, as an integer
DTYPES = {"provider": np.int32, "receiver": np.int32, "relation": np.int16, "period": np.int32,
           "weight": np.float64, "weight_sq": np.float64, "count": np.int64,
           "first": np.int64, "last": np.int64, "cluster": np.int32}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ties:
    """Columns of equal length; ``None`` where the source didn't tell.

    ``provider`` and ``receiver`` are rows of the participant table; ``relation`` and ``period`` are
    rows of the ecosystem's ``relations`` and ``periods``; ``first`` and ``last`` are microseconds
    since 1970 UTC, or ``NO_TIME``. ``cluster`` cuts a tie into the parts that belong together across
    ties (one customer's, one input row's); ``NO_CLUSTER`` where each event stands by itself.
    """

    provider: NDArray[np.int32]
    receiver: NDArray[np.int32]
    relation: NDArray[np.int16]
    period: NDArray[np.int32]
    weight: NDArray[np.float64]
    weight_sq: NDArray[np.float64] | None = None
    count: NDArray[np.int64] | None = None
    first: NDArray[np.int64] | None = None
    last: NDArray[np.int64] | None = None
    cluster: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        for name, dtype in DTYPES.items():
            values = getattr(self, name)
            if values is None:
                continue
            values = np.ascontiguousarray(values, dtype=dtype)
            values.setflags(write=False)
            if values.shape != self.provider.shape:
                raise ValueError(f"{name} has {values.shape} entries beside {self.provider.shape} providers")
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return int(self.provider.size)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns that are present, by name, in table order."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Ties:
        """The ties in ``rows`` (a mask or positions), in that order."""
        return replace(self, **{name: values[rows] for name, values in self.columns.items()})

    def let_go(self) -> None:
        """Give the memory of columns that lie in a file back to the system: it reads them again where they are used.

        Ties of many events do (``read_events``). For who has made what is needed of them, and needs the memory.
        """
        for values in self.columns.values():
            let_go(values)


def let_go(values: NDArray[Any]) -> None:
    """``Ties.let_go`` of one array; nothing where it doesn't lie in a file."""
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    memory = getattr(base, "obj", base)  # of a memoryview, by which some versions of NumPy hold a mapping
    if isinstance(memory, mmap.mmap) and hasattr(memory, "madvise"):
        memory.madvise(mmap.MADV_DONTNEED)
