"""One file, whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecograph.errors import OutputError
from ecograph.printable import printable

__all__ = ["atomic_path"]


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden path beside ``target`` to write to; on a clean exit it replaces ``target``.

    Raises
    ------
    OutputError : the place can't be written.
    """
    target = Path(target)
    temporary = target.with_name(f".{target.name}.ecograph-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        try:
            yield temporary
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        missing = not target.parent.is_dir()
        reason = "there is no such folder" if missing else error.strerror or type(error).__name__
        raise OutputError(
            f"can't write {printable(target)}: {reason}.", hint="free space or name another place."
        ) from error
