"""How a mapping says to read cells: endpoints, amounts and times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from ecograph.errors import MappingError
from ecograph.mapping_words import one_of
from ecograph.schema import PARTICIPANTS

__all__ = ["ATTRIBUTES", "NUMBER", "Amount", "Endpoint", "Time"]

Epoch = Literal["s", "ms", "us"]
ATTRIBUTES = tuple(name for name in PARTICIPANTS if name not in ("id", "role"))
# What chrono (Polars' parser) knows; a letter outside would make every row bad without a word.
_DIRECTIVES = re.compile(r"%(?:[-_0]?[YCyqmbBhdejaAuwUWGgVDxFvHkIlPpMSfRTXrZzcs+nt%]|\.[369]?f|[369]f|:{1,3}z|#z)")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")


@dataclass(frozen=True)
class Endpoint:
    """Who stands at one end of a tie: the id in a column, or one constant id.

    Parameters
    ----------
    column : the column that holds the id.
    constant : or the one id that all rows share; taken as it is written.
    role : what the participant is (driver, restaurant, ...), the same in all rows.
    role_column : or the column that says it.
    prefix : text put before an id from a column. None (default) = ``"<role>:"`` where ``role`` is given, so
        that driver 12 and consumer 12 stay two participants; ``""`` = none.
    attributes : participant attribute (group, market, owner, pillar, region, capacity, external_cost,
        external_demand) -> the column that holds it.

    Examples
    --------
    >>> Endpoint("Driver_ID", role="driver").id_prefix
    'driver:'
    """

    column: str | None = None
    constant: str | None = None
    role: str | None = None
    role_column: str | None = None
    prefix: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.column is None) == (self.constant is None):
            raise MappingError("an endpoint needs a column or a constant, one of the two.")
        if self.constant is not None and not self.constant.strip():
            raise MappingError("the constant id is blank.")
        if self.role is not None and self.role_column is not None:
            raise MappingError("an endpoint has a role or a role_column, not both.")
        for name in self.attributes:
            one_of(name, ATTRIBUTES, "the participant attribute")

    @property
    def id_prefix(self) -> str:
        """The text put before the id."""
        if self.prefix is not None:
            return self.prefix
        return "" if self.column is None or self.role is None else f"{self.role}:"


@dataclass(frozen=True)
class Amount:
    """How much flows: a column, or one constant; divided, if wanted, by a column or a number.

    Parameters
    ----------
    column, constant : the column, or a number written as text (default "1": ties are counted).
    decimal, thousands : the marks in text amounts. None = not said: ``"."`` and none, except that a column whose
        values look like ``20.000`` is then refused as ambiguous; ``thousands="."`` implies ``decimal=","``.
        ``thousands=""`` says that there is none.
    currency : text before or after the number that is taken off (``"Rp"``, ``"$"``); it may be absent.
    divide_by : a column or a positive number; the amount is divided by it (one need shared by n alternatives).
    """

    column: str | None = None
    constant: str = "1"
    decimal: str | None = None
    thousands: str | None = None
    currency: str | None = None
    divide_by: str | int | float | None = None

    def __post_init__(self) -> None:
        if self.column is not None and self.constant != "1":
            raise MappingError("an amount has a column or a constant, not both.")
        if not NUMBER.fullmatch(self.constant) or not math.isfinite(float(self.constant)):
            raise MappingError(f"the constant amount {self.constant!r} isn't a finite number like 1 or 2.50.")
        for name, mark in (("decimal", self.decimal), ("thousands", self.thousands or None)):
            if mark is not None and (
                len(mark) != 1 or mark in "0123456789+-()eE" or (mark == " " and name == "decimal")
            ):
                raise MappingError(f"{name} is {mark!r}; it must be one character, no digit, sign, bracket or e.")
        decimal, thousands = self.marks
        if decimal == thousands:
            raise MappingError(f"decimal and thousands are both {decimal!r}.")
        if self.currency is not None and (not self.currency.strip() or re.search(r"[0-9+()-]", self.currency)):
            raise MappingError(
                f"currency is {self.currency!r}; it must have no digit, sign or bracket, and not be blank."
            )
        number = self.divide_by
        if number is not None and not isinstance(number, str) and not (math.isfinite(number) and number > 0):
            raise MappingError(f"divide_by is {number}; it must be a column or a positive number.")

    @property
    def marks(self) -> tuple[str, str]:
        """(decimal, thousands) as they are used; thousands "" = none."""
        return self.decimal or ("," if self.thousands == "." else "."), self.thousands or ""

    @property
    def said(self) -> bool:
        """Whether the mapping says how to read a point."""
        return self.decimal is not None or self.thousands is not None


@dataclass(frozen=True)
class Time:
    """When it happened.

    Parameters
    ----------
    column : text, dates, datetimes, or integers with ``epoch`` or ``format``.
    format : of text, in chrono's directives (``%d/%m/%Y %H:%M``); None = ISO 8601, with or without offset.
        ``%S.%f`` is read as ``%S%.f``.
    prefix : put before the text first (``"2020-01-"`` where a file leaves year and month out).
    epoch : "s", "ms" or "us": numbers since 1970 UTC.
    zone : of times without offset. A local time that occurs twice is the earlier; one that never occurs is bad.
    not_before : a column, read in the same way. A time more than 15 days earlier than that column's own is moved
        on by one month: the rule for days of a month that wrap past its end.
    """

    column: str
    format: str | None = None
    prefix: str = ""
    epoch: Epoch | None = None
    zone: str = "UTC"
    not_before: str | None = None

    def __post_init__(self) -> None:
        if self.epoch is not None:
            one_of(self.epoch, get_args(Epoch), "epoch")
            if self.format is not None or self.prefix:
                raise MappingError("a time with epoch has no format and no prefix.")
        if self.format is not None and ("%" in _DIRECTIVES.sub("", self.format) or "%" not in self.format):
            raise MappingError(f"the time format {self.format!r} has no directive, or one that isn't known.",
                               hint='use chrono\'s, like format = "%d/%m/%Y %H:%M:%S"')  # fmt: skip
        if self.format is not None and re.search(r"(?<![.%\d])%f", self.format):
            raise MappingError(
                f"the time format {self.format!r} has %f with no point before it.", hint="use %.f or %3f"
            )
