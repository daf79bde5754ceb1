"""Which external resources does a platform rely on most, with what uncertainty?

Names are loaded when they are first used, so that ``import ecograph`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Ecosystem": "ecosystem",
    "Mapping": "mapping",
    "TieRule": "mapping",
    "read_events": "ingest",
    "check_events": "ingest",
    "reliance": "metrics.reliance",
    "Ledger": "ledger",
    "EcographError": "errors",
}
_MODULES = ("metrics", "datasets", "figures", "errors", "schema")

__all__ = ["__version__", *sorted(_HOME), *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"ecograph.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"ecograph.{name}")
    else:
        raise AttributeError(f"module 'ecograph' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
