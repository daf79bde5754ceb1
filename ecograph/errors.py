"""What can go wrong, said so that its reader can mend it: what we saw, what we need, the way out.

Every error carries ``exit_code``, which the command line returns (docs/cli.md lists them).
"""

from __future__ import annotations

__all__ = [
    "AmbiguityError",
    "ConvergenceError",
    "DeviceError",
    "EcographError",
    "GraphFormatError",
    "MappingError",
    "MemoryLimitError",
    "MissingDependencyError",
    "OutputError",
    "ParticipantError",
    "QuarantineError",
    "SourceError",
    "TieTableError",
    "UnitError",
    "WindowError",
]


class EcographError(Exception):
    """Base of every error that ecograph raises on purpose.

    Parameters
    ----------
    message : what was seen and what is needed, one or two sentences.
    hint : the call, option or edit that mends it; printed on its own line.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")
        self.message = message
        self.hint = hint


class SourceError(EcographError):
    """A file or stream can't be read as what it claims to be."""

    exit_code = 3


class MappingError(EcographError):
    """A mapping doesn't fit itself or the columns at hand."""

    exit_code = 4


class AmbiguityError(MappingError):
    """The data can be read in two ways and only the user knows which (``20.000``: 20 or 20,000?)."""


class QuarantineError(EcographError):
    """More rows are bad than may be set aside (half of them, or one under ``strict``)."""

    exit_code = 5


class ParticipantError(EcographError):
    """No such participant, or one that can't play the part asked of it."""

    exit_code = 6


class WindowError(EcographError):
    """A window off the period edges, or with nothing in it."""

    exit_code = 6


class UnitError(EcographError):
    """Amounts of different units would be added in silence."""

    exit_code = 6


class TieTableError(EcographError):
    """A tie or participant table breaks its schema."""

    exit_code = 6


class GraphFormatError(EcographError):
    """A graph can't be turned into an ecosystem, or an ecosystem into that format."""

    exit_code = 6


class ConvergenceError(EcographError):
    """A solver stopped before its tolerance; the message says how far it came."""

    exit_code = 7


class MemoryLimitError(EcographError):
    """The work asked for doesn't fit in memory, found before it starts."""

    exit_code = 7


class OutputError(EcographError):
    """An output can't be written, or one read back disagrees with its own hashes."""

    exit_code = 8


class DeviceError(EcographError):
    """The device asked for isn't there, or failed."""

    exit_code = 9


class MissingDependencyError(EcographError):
    """An optional package is needed for this call and isn't installed."""

    exit_code = 9
