"""The rules of a mapping: which rows count, and which tie each gives."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ecograph.errors import MappingError
from ecograph.mapping_cells import Amount, Endpoint, Time
from ecograph.mapping_words import one_of
from ecograph.schema import LAYERS, Layer

__all__ = ["OPERATORS", "Filter", "Operator", "ParticipantTable", "Scalar", "TieRule"]

Scalar: TypeAlias = str | int | float | bool
Operator = Literal["==", "!=", "in", "not in", "is null", "not null", ">", ">=", "<", "<="]
OPERATORS: tuple[str, ...] = get_args(Operator)
_ORDERED = re.compile(r"\d{4}-\d{2}-\d{2}|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$")


@dataclass(frozen=True)
class Filter:
    """Which rows count. Text is compared as text by ``==, !=, in, not in``; ``> >= < <=`` compare numbers or ISO times.

    A missing cell equals nothing: it passes ``!=``, ``not in`` and ``is null`` only. A cell that isn't a number
    (a time) under an ordering operator makes its row bad.
    """

    column: str
    op: Operator = "=="
    value: Scalar | tuple[Scalar, ...] | None = None

    def __post_init__(self) -> None:
        one_of(self.op, OPERATORS, "the operator of a filter")
        if self.op in ("is null", "not null"):
            fits, needs = self.value is None, "no value"
        elif self.op in ("in", "not in"):
            fits, needs = isinstance(self.value, tuple), "a list of values"
        else:
            fits, needs = isinstance(self.value, str | int | float), "one value"
        if not fits:
            raise MappingError(f"the filter {self.op!r} on {self.column!r} needs {needs}.")
        for value in self.value if isinstance(self.value, tuple) else (self.value,):
            if isinstance(value, float) and not math.isfinite(value):
                raise MappingError(f"the filter on {self.column!r} compares with {value}.")
        if self.op in (">", ">=", "<", "<=") and not _ORDERED.match(str(self.value)):
            raise MappingError(f"the filter {self.op!r} on {self.column!r} can't compare with {self.value!r}.",
                               hint='use a number, or an ISO 8601 time in quotes like "2020-01-31"')  # fmt: skip


@dataclass(frozen=True)
class TieRule:
    """One tie that a row gives: provider -> receiver, or provider -> via and via -> receiver.

    ``relation_column`` takes the relation from the data (``relation`` where the cell is missing). ``unit`` and
    ``layer`` None = what another rule or ``[relations.NAME]`` says, else "1" and "service". ``time`` None = the
    mapping's. A row whose ``via`` is missing was orchestrated by nobody: it gives the direct tie.
    """

    provider: Endpoint
    receiver: Endpoint
    relation: str = "tie"
    unit: str | None = None
    layer: Layer | None = None
    amount: Amount = field(default_factory=Amount)
    time: Time | None = None
    via: Endpoint | None = None
    where: tuple[Filter, ...] = ()
    relation_column: str | None = None

    def __post_init__(self) -> None:
        if not self.relation.strip():
            raise MappingError("the relation's name is blank.")
        if self.relation_column is not None and (self.unit, self.layer) != (None, None):
            raise MappingError("a rule with relation_column has no unit or layer of its own.",
                               hint="say them for each name: Mapping.declared, in TOML [relations.NAME]")  # fmt: skip
        if self.layer is not None:
            one_of(self.layer, LAYERS, "the layer")

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Provider, receiver and, where there is one, via."""
        return (self.provider, self.receiver) if self.via is None else (self.provider, self.receiver, self.via)


@dataclass(frozen=True)
class ParticipantTable:
    """A second table, one participant a row: its path (beside the mapping's own file), its id, its attributes."""

    path: str
    participant: Endpoint
