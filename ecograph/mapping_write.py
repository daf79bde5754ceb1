"""Mappings to TOML: tidy text that leaves out what is left at its default."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from typing import Any

from ecograph.mapping import Mapping
from ecograph.mapping_cells import Amount
from ecograph.schema import Relation

__all__ = ["write_mapping"]


def write_mapping(mapping: Mapping) -> str:
    """TOML text that ``read_mapping`` turns back into an equal mapping."""
    tables = _plain(mapping)
    named = {
        name: tables.pop(name) for name in ("time", "dialect", "ties", "participants", "declared") if name in tables
    }
    lines = _lines(tables)
    for name in ("time", "dialect"):
        if name in named:
            lines += ["", f"[{name}]", *_lines(named[name])]
    for relation in named.get("declared", ()):
        lines += [
            "",
            f"[relations.{_key(relation.name)}]",
            f"unit = {_toml(relation.unit)}",
            f"layer = {_toml(relation.layer)}",
        ]
    for rule in named["ties"]:
        lines += ["", "[[ties]]", *_lines(rule)]
    for table in named.get("participants", ()):
        lines += ["", "[[participants]]", *_lines({"path": table["path"], **table["participant"]})]
    return "\n".join(lines).strip("\n") + "\n"


def _plain(item: Any) -> Any:
    """Dataclasses as dicts of what differs from the default; the rest as it is."""
    if isinstance(item, Relation) or not hasattr(item, "__dataclass_fields__"):
        return [_plain(v) for v in item] if isinstance(item, tuple) and not isinstance(item, Relation) else item
    out: dict[str, Any] = {}
    for f in fields(item):
        value = getattr(item, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if value != default:
            out[f.name] = _plain(value)
    if isinstance(item, Amount) and out.keys() == {"constant"} and re.fullmatch(r"-?(0|[1-9]\d*)", item.constant):
        return int(item.constant) if item.constant != "-0" else out
    return out["column"] if isinstance(item, Amount) and out.keys() == {"column"} else out


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_toml(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    match value:
        case None:
            return "false"  # only a dialect's quote can be None where that isn't the default
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            return "{ " + ", ".join(_lines(value)) + " }" if value else "{}"
        case _:
            return repr(value)
