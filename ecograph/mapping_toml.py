"""Mappings from TOML: short forms, and every unknown key answered with the nearest known one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import MISSING, fields
from dataclasses import replace as changed
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ecograph.errors import MappingError
from ecograph.mapping import Mapping
from ecograph.mapping_cells import Amount, Endpoint, Time
from ecograph.mapping_rules import OPERATORS, Filter, ParticipantTable, TieRule
from ecograph.mapping_words import nearest_words
from ecograph.schema import LAYERS, Relation

__all__ = ["read_mapping"]

T = TypeVar("T")
Read = Callable[[Any, str], Any]


def read_mapping(source: str | Path) -> Mapping:
    """A mapping from a TOML file or from TOML text (a string with a line end or ``=`` in it)."""
    if isinstance(source, str) and ("\n" in source or "=" in source):
        return _mapping(_parse(source), "mapping")
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it isn't UTF-8 text"
        raise MappingError(f"the mapping {str(path)!r} can't be read: {reason}.") from error
    mapping = _mapping(_parse(text), "mapping")
    beside = tuple(changed(table, path=str(path.parent / table.path)) for table in mapping.participants)
    return changed(mapping, participants=beside)


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)  # an amount of 2.50 keeps its digits
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"the mapping isn't TOML: {str(error)[:200]}.") from error


def _wrong(value: Any, place: str, wanted: str) -> MappingError:
    return MappingError(f"{place} is {str(value)[:80]!r}; it must be {wanted}.")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, place, "a text in quotes")
    return value


def _word(value: Any, place: str) -> str:
    """A text, or a number that stands for its own digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _wrong(value, place, "a text or a number")
    return str(value)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, place, "true or false")
    return value


def _integer(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, place, "a whole number")
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    return tuple(_text(v, place) for v in _list(value, place))


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(value, place, "a list")
    return value


def _table(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, place, "a table")
    return value


def _names(value: Any, place: str) -> dict[str, str]:
    return {key: _text(v, f"{place}.{key}") for key, v in _table(value, place).items()}


def _scalar(value: Any, place: str) -> str | int | float | bool:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if not isinstance(value, str | int | bool | Decimal):
        raise _wrong(value, place, "a text, a number, true or false")
    return float(value) if isinstance(value, Decimal) else value


def _value(value: Any, place: str) -> Any:
    return tuple(_scalar(v, place) for v in value) if isinstance(value, list) else _scalar(value, place)


def _quote(value: Any, place: str) -> str | None:
    return None if value is False or value == "" else _text(value, place)


def _divisor(value: Any, place: str) -> str | int | float:
    if isinstance(value, bool):
        raise _wrong(value, place, "a column or a number")
    return _scalar(value, place)


def _build(cls: type[T], value: Any, place: str, keys: dict[str, Read], rename: dict[str, str] | None = None) -> T:
    """``cls`` from a table whose keys are read one by one; errors name the place."""
    found = {}
    for key, item in _table(value, place).items():
        if key not in keys:
            raise MappingError(f"{place} has the unknown key {key!r}.", hint=nearest_words(key, keys))
        found[(rename or {}).get(key, key)] = keys[key](item, f"{place}.{key}")
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]  # always a dataclass
    for name in needed:
        if name not in found:
            raise MappingError(f"{place} has no {name!r}.", hint=f"its keys are {', '.join(keys)}")
    try:
        return cls(**found)
    except MappingError as error:
        raise MappingError(f"{place}: {error.message}", hint=error.hint) from None


def _endpoint(value: Any, place: str) -> Endpoint:
    return _build(Endpoint, {"column": value} if isinstance(value, str) else value, place, _ENDPOINT)


def _amount(value: Any, place: str) -> Amount:
    if isinstance(value, str):
        value = {"column": value}
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = {"constant": value}
    return _build(Amount, value, place, _AMOUNT)


def _time(value: Any, place: str) -> Time:
    return _build(Time, {"column": value} if isinstance(value, str) else value, place, _TIME)


def _where(value: Any, place: str) -> tuple[Filter, ...]:
    """Filters from a list of {column, op, value}, or from {column = value | [values] | {op = value}}."""
    if isinstance(value, list):
        return tuple(_build(Filter, v, f"{place}[{i}]", _FILTER) for i, v in enumerate(value))
    tables: list[dict[str, Any]] = []
    for column, test in _table(value, place).items():
        tests = test if isinstance(test, dict) else {"in" if isinstance(test, list) else "==": test}
        for op, operand in tests.items():
            if op not in OPERATORS:
                raise MappingError(
                    f"{place}.{column} has the unknown operator {op!r}.", hint=nearest_words(op, OPERATORS)
                )
            null = op in ("is null", "not null")
            tables.append({"column": column, "op": op} | ({} if null and operand is True else {"value": operand}))
    return tuple(_build(Filter, table, f"{place}.{table['column']}", _FILTER) for table in tables)


def _rule(value: Any, place: str) -> TieRule:
    return _build(TieRule, value, place, _RULE)


def _rules(value: Any, place: str) -> tuple[TieRule, ...]:
    return tuple(_rule(v, f"ties[{i}]") for i, v in enumerate(_list(value, "ties")))


def _relations(value: Any, place: str) -> tuple[Relation, ...]:
    tables = _table(value, place)
    return tuple(_relation(name, tables[name], f"relations.{name}") for name in tables)


def _relation(name: str, value: Any, place: str) -> Relation:
    for key, item in _table(value, place).items():
        if key not in ("unit", "layer"):
            raise MappingError(f"{place} has the unknown key {key!r}.", hint=nearest_words(key, ("unit", "layer")))
        if key == "layer" and item not in LAYERS:
            raise MappingError(f"{place}.layer is {str(item)[:80]!r}.", hint=nearest_words(str(item), LAYERS))
        _text(item, f"{place}.{key}")
    return Relation(name, **value)


def _participants(value: Any, place: str) -> tuple[ParticipantTable, ...]:
    return tuple(_participant_table(v, "participants") for v in (value if isinstance(value, list) else [value]))


def _participant_table(value: Any, place: str) -> ParticipantTable:
    keys = ["path", *_ENDPOINT]
    table = dict(_table(value, place))
    for key in table:
        if key not in keys:
            raise MappingError(f"{place} has the unknown key {key!r}.", hint=nearest_words(key, keys))
    if "path" not in table:
        raise MappingError(
            f"{place} has no 'path'.", hint='path = "restaurants.csv", column = "id", role = "restaurant"'
        )
    return ParticipantTable(_text(table.pop("path"), f"{place}.path"), _endpoint(table, place))


def _dialect(value: Any, place: str) -> Any:
    from ecograph.ingest.source import Dialect  # ingest imports ecograph.mapping

    return _build(Dialect, value, place, _DIALECT)


def _mapping(value: dict[str, Any], place: str) -> Mapping:
    return _build(Mapping, value, place, _MAPPING, {"relations": "declared"})


_ENDPOINT: dict[str, Read] = {"column": _text, "constant": _word, "role": _text, "role_column": _text, "prefix": _text,
                              "attributes": _names}  # fmt: skip
_AMOUNT: dict[str, Read] = {"column": _text, "constant": _word, "decimal": _text, "thousands": _text, "currency": _text,
                            "divide_by": _divisor}  # fmt: skip
_TIME: dict[str, Read] = dict.fromkeys(("column", "format", "prefix", "epoch", "zone", "not_before"), _text)
_FILTER: dict[str, Read] = {"column": _text, "op": _text, "value": _value}
_RULE: dict[str, Read] = {"relation": _text, "relation_column": _text, "unit": _text, "layer": _text,
                          "provider": _endpoint, "receiver": _endpoint, "via": _endpoint, "amount": _amount,
                          "time": _time, "where": _where}  # fmt: skip
_DIALECT: dict[str, Read] = {"delimiter": _text, "quote": _quote, "encoding": _text, "header": _flag, "columns": _texts,
                             "max_cell_lines": _integer, "max_cell_bytes": _integer}  # fmt: skip
_MAPPING: dict[str, Read] = {"every": _text, "duplicates": _text, "strip": _flag, "casefold": _flag,
                             "null_values": _texts, "format": _text, "cluster": _text, "time": _time, "where": _where,
                             "dialect": _dialect, "relations": _relations, "ties": _rules,
                             "participants": _participants}  # fmt: skip
