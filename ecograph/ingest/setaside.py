"""Where do rows go that were set aside? Counted all, the first ones kept, and all written where asked."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl

from ecograph.errors import OutputError
from ecograph.ingest.quarantine import QUARANTINE

__all__ = ["KEPT", "SetAside"]

KEPT = 100_000  # rows kept in memory


class SetAside:
    """Collects rows of the schema ``QUARANTINE``. Use as a context manager.

    Parameters
    ----------
    path : ``.csv`` or ``.parquet`` file that shall hold all of them; written beside it and renamed by
        ``publish``, so that it is whole or not there.

    Raises
    ------
    OutputError : another suffix, or a folder that can't be written.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.reasons: Counter[str] = Counter()
        self._parts: list[pl.DataFrame] = []
        self._kept = 0
        self._target = None if path is None else Path(path)
        self._writer: _Csv | _Parquet | None = None
        if self._target is not None:
            if self._target.suffix not in (".csv", ".parquet"):
                hint = "name it something.csv or something.parquet."
                raise OutputError(f"rows set aside can't be written to {self._target.name!r}.", hint=hint)
            self._beside = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}")
            with _told(self._target):
                file = self._beside.open("xb")
            self._writer = _Csv(file) if self._target.suffix == ".csv" else _Parquet(file)

    def __enter__(self) -> SetAside:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.file.close()
            self._beside.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """Rows set aside so far."""
        return self.reasons.total()

    @property
    def frame(self) -> pl.DataFrame:
        """The first ``KEPT`` rows."""
        return pl.concat(self._parts) if self._parts else pl.DataFrame(schema=QUARANTINE)

    def add(self, bad: pl.DataFrame) -> None:
        """Take more rows."""
        if bad.height == 0:
            return
        self.reasons.update(dict(bad["reason"].value_counts().iter_rows()))
        if self._kept < KEPT:
            self._parts.append(bad.head(KEPT - self._kept))
            self._kept += self._parts[-1].height
        if self._writer is not None and self._target is not None:
            with _told(self._target):
                self._writer.write(bad)

    def publish(self) -> None:
        """Give the file its name; there is one, with a header, also where nothing was set aside."""
        if self._writer is not None and self._target is not None:
            with _told(self._target):
                self._writer.finish()
                os.replace(self._beside, self._target)


class _Csv:
    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        pl.DataFrame(schema=QUARANTINE).write_csv(file)

    def write(self, rows: pl.DataFrame) -> None:
        rows.write_csv(self.file, include_header=False)

    def finish(self) -> None:
        self.file.close()


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        self.file = file
        self._writer: Any = pq.ParquetWriter(file, pl.DataFrame(schema=QUARANTINE).to_arrow().schema)

    def write(self, rows: pl.DataFrame) -> None:
        self._writer.write_table(rows.to_arrow())

    def finish(self) -> None:
        self._writer.close()
        self.file.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        hint = "choose a folder that exists, can be written and has room."
        raise OutputError(f"rows set aside can't be written to {path}: {error.strerror}.", hint=hint) from None
