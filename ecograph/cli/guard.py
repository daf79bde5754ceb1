"""How does a command end? With its output, or with what went wrong, the way out, and an exit code."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from ecograph.errors import EcographError
from ecograph.printable import printable

__all__ = ["INTERRUPTED", "UNEXPECTED", "guarded"]

UNEXPECTED, MEMORY, OUTPUT, INTERRUPTED = 1, 7, 8, 130
_LONGEST = 300  # characters shown of a text that isn't ours: a library once put 120 MB of data into one


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a command raises into lines on standard error and an exit code; ``--debug`` shows where."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # a panic inside Polars is no Exception
            raise typer.Exit(_say(error, debug=bool(options.get("debug")))) from None

    return run


def _say(error: BaseException, *, debug: bool) -> int:
    """Print what a person needs, and return the exit code."""
    if isinstance(error, BrokenPipeError):  # `ecograph ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if debug:
        traceback.print_exception(error)
    match error:
        case KeyboardInterrupt():
            _print("Stopped.")
            return INTERRUPTED
        case EcographError():
            _print(f"Error: {error}")
            return error.exit_code
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO):
            place = f": {error.filename}" if error.filename else ""
            _print(f"Error: {error.strerror}{place}\nHint: free space, or name another place.")
            return OUTPUT
        case MemoryError():
            _print("Error: out of memory.\nHint: close other programs, or lower --memory-limit.")
            return MEMORY
    _print(f"Unexpected error: {type(error).__name__}: {_first_line(error)}")
    _print("Hint: this is a fault of ecograph; run with --debug to see where, and report that.")
    return UNEXPECTED


def _print(text: str) -> None:
    """To standard error, a line a line; what data brought in is shown and does nothing."""
    for line in text.split("\n"):
        print(printable(line), file=sys.stderr)


def _first_line(error: BaseException) -> str:
    return (str(error)[:_LONGEST].splitlines() or [""])[0]
