"""Progress of long work: a callable of the caller's, a bar on standard error, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["Progress", "Tick", "track"]

Tick: TypeAlias = Callable[[float], None]
Progress: TypeAlias = Callable[[str, float, float | None], None] | bool | None


@contextmanager
def track(progress: Progress, label: str, total: float | None = None) -> Iterator[Tick]:
    """Yield ``tick(done)``; it forwards (label, done, total) to ``progress``.

    ``progress=True`` draws a bar with rich; ``None`` or ``False`` does nothing. ``done`` and ``total``
    are in the same unit (bytes, rounds, candidates); a total that isn't known is ``None``.
    """
    if progress is None or progress is False:
        yield lambda done: None
    elif progress is True:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        call = progress
        yield lambda done: call(label, done, total)
