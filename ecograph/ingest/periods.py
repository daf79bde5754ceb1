"""Into which period does an event fall?"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.errors import MappingError
from ecograph.ingest.quarantine import brief
from ecograph.ties import NO_TIME

__all__ = ["Periods"]


class Periods:
    """Codes of periods, numbered as batches of times bring them.

    Parameters
    ----------
    every : length of a period as Polars writes it (``"1h"``, ``"1d"``, ``"1w"``, ``"1mo"``, ``"1q"``, ``"1y"``);
        ``None`` = all time is one period.
    zone : where days begin; a period starts at local midnight, also where that is 23 or 25 hours after another.

    Raises
    ------
    MappingError : no such length or zone.

    Examples
    --------
    >>> periods = Periods("1d", "Asia/Jakarta")
    >>> periods.code(np.array([0, 86_400_000_000, 0]))
    array([0, 1, 0], dtype=int32)
    >>> periods.finish()[0]          # 1970-01-01 00:00 in Jakarta is seven hours earlier in UTC
    (-25200000000, 61200000000)
    """

    def __init__(self, every: str | None, zone: str = "UTC") -> None:
        self._every, self._zone = every, zone
        self._starts: list[int] = []
        self._sorted = np.empty(0, np.int64)
        self._codes = np.empty(0, np.int32)
        if every is not None:
            self._truncate(np.zeros(1, np.int64))

    def code(self, time: NDArray[np.int64]) -> NDArray[np.int32]:
        """The code of each time's period; undated events have one of their own."""
        if self._every is None:
            return np.zeros(time.size, np.int32)
        starts = self._truncate(time)
        new = np.setdiff1d(pl.Series(starts).unique().to_numpy(), self._sorted)
        if new.size:
            self._starts += new.tolist()
            order = np.argsort(self._starts, kind="stable")
            self._sorted, self._codes = np.array(self._starts)[order], order.astype(np.int32)
        return self._codes[np.searchsorted(self._sorted, starts)]

    def finish(self) -> tuple[tuple[int | None, ...], NDArray[np.int32]]:
        """Sorted starts (microseconds UTC; ``None``, the undated, first), and for each code its row among them."""
        if self._every is None:
            return (None,), np.zeros(1, np.int32)
        rank = np.empty(len(self._starts), np.int32)
        rank[self._codes] = np.arange(rank.size, dtype=np.int32)
        return tuple(None if start == NO_TIME else start for start in self._sorted.tolist()), rank

    def _truncate(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        dated = pl.Series(time).set(pl.Series(time == NO_TIME), None).cast(pl.Datetime("us", "UTC"))
        try:
            starts = dated.dt.convert_time_zone(self._zone).dt.truncate(str(self._every))
        except pl.exceptions.PolarsError as error:
            raise MappingError(
                f"periods of {self._every!r} in {self._zone!r} can't be made: {brief(error, 80)}.",
                hint='write one length such as every="1h", "1d", "1w", "1mo", "1q" or "1y".',
            ) from None
        return starts.dt.epoch("us").fill_null(NO_TIME).to_numpy()
