"""To and from NetworkX: ids are nodes, ties are edges with attributes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from ecograph.ecosystem import Ecosystem
from ecograph.errors import GraphFormatError
from ecograph.html import plain, quoted
from ecograph.label import KEY, check_maps, label, label_from_text, options_for, text_or_numbers, with_lost_columns
from ecograph.schema import PARTICIPANTS, TIES
from ecograph.suggest import offer

__all__ = ["from_networkx", "to_networkx"]

_ENDS = ("provider", "receiver")


def to_networkx(eco: Ecosystem, *, multigraph: bool = True) -> Any:
    """A directed NetworkX graph: an edge runs from provider to receiver, as the tie does.

    Parameters
    ----------
    multigraph : ``True`` gives a ``MultiDiGraph`` whose edge keys are rows of the tie table; ``False`` a
        ``DiGraph``, refused where two ties share provider and receiver. The kind never depends on the data.

    Returns
    -------
    networkx.MultiDiGraph or networkx.DiGraph
        Nodes in participant order with the attributes that aren't null; edges in tie order with weight,
        relation (a name) and, where known, period, first, last (datetimes, UTC), weight_sq, count,
        cluster (a code).

    Raises
    ------
    GraphFormatError : ``multigraph=False`` and there are parallel ties.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [1, 2]})
    >>> sorted(eco.to_networkx(multigraph=False).edges(data="weight"))
    [('a', 'o', 1.0), ('b', 'o', 2.0)]
    """
    import networkx

    same = (np.diff(eco.ties.receiver) == 0) & (np.diff(eco.ties.provider) == 0)
    if not multigraph and same.any():
        raise GraphFormatError(
            f"{int(same.sum()):,} ties share provider and receiver with another, over relations, periods or clusters.",
            hint="take one with .relation(name) and .window(since, until), pool clusters with .pooled, "
            "or use multigraph=True",
        )
    graph = networkx.MultiDiGraph() if multigraph else networkx.DiGraph()
    graph.graph[KEY] = json.dumps(label(eco))
    for row in eco.participants.iter_rows(named=True):
        id = row.pop("id")
        graph.add_node(id, **{name: value for name, value in row.items() if value is not None})
    for e, row in enumerate(eco.tie_table().iter_rows(named=True)):
        ends = row.pop("provider"), row.pop("receiver")
        known = {name: value for name, value in row.items() if value is not None}
        graph.add_edge(*ends, **({"key": e} if multigraph else {}), **known)
    return graph


def from_networkx(graph: Any, *, relations: Any = None, **names: Any) -> Ecosystem:
    """Read a ``DiGraph`` or ``MultiDiGraph``; parallel edges of one relation, period and cluster are merged.

    Parameters
    ----------
    graph : nodes have to be text or whole numbers, or carry an attribute for ``id=``.
    relations : unit and layer of each relation, as for ``from_ties``; default: what the graph says.
    **names : the attribute to read for a column of ``schema.TIES`` or ``schema.PARTICIPANTS``; default:
        the column's own name; ``None`` leaves it out. ``weight=None`` gives each edge weight 1; otherwise
        every edge needs its weight. ``id`` is the node itself unless it names an attribute.

    Raises
    ------
    GraphFormatError : the graph is undirected, or nodes or attributes are of types no column can take.
    TieTableError : the values break the schema.

    Examples
    --------
    >>> import networkx as nx
    >>> g = nx.DiGraph([("a", "o", {"trips": 3}), ("b", "o", {"trips": 5})])
    >>> sorted(Ecosystem.from_networkx(g, weight="trips").tie_table().select("provider", "weight").rows())
    [('a', 3.0), ('b', 5.0)]
    """
    from ecograph.assemble import from_ties

    if not graph.is_directed():
        raise GraphFormatError(
            "The graph is undirected, and a tie has a direction: provider to receiver.",
            hint="graph.to_directed() makes a tie each way; or build a networkx.DiGraph, provider to receiver",
        )
    check_maps(names)
    carried = label_from_text(graph.graph.get(KEY))
    options = options_for(carried, names)
    people = _participants(graph, names)
    ties = with_lost_columns(_ties(graph, dict(zip(graph, people["id"], strict=True)), names), carried, names)
    return from_ties(ties, people, **options | ({} if relations is None else {"relations": relations}))


def _participants(graph: Any, names: dict[str, Any]) -> pl.DataFrame:
    attributes = dict(graph.nodes(data=True))
    columns = _columns(list(attributes.values()), [name for name in PARTICIPANTS if name != "id"], names)
    asked = names.get("id")
    ids = list(attributes) if asked is None else [row.get(asked) for row in attributes.values()]
    if strange := [id for id in ids if isinstance(id, bool) or not isinstance(id, str | int)]:
        raise GraphFormatError(
            f"{len(strange):,} nodes have no id of text or whole number: {quoted(strange)}.",
            hint="relabel with networkx.relabel_nodes(graph, str), or give id= an attribute that all nodes have",
        )
    return pl.DataFrame([text_or_numbers("id", [str(id) for id in ids]), *columns])


def _ties(graph: Any, ids: dict[Any, str], names: dict[str, Any]) -> pl.DataFrame:
    edges = list(graph.edges(data=True))
    ends = [pl.Series(name, [ids[edge[k]] for edge in edges], dtype=pl.String) for k, name in enumerate(_ENDS)]
    columns = _columns([edge[2] for edge in edges], [name for name in TIES if name not in _ENDS], names)
    if all(column.name != "weight" for column in columns):
        columns.append(pl.Series("weight", np.ones(len(edges))))
    return pl.DataFrame([*ends, *columns])


def _columns(rows: list[dict[Any, Any]], wanted: list[str], names: dict[str, Any]) -> list[pl.Series]:
    """A column for every wanted attribute that any row has; null where a row lacks it."""
    columns = []
    for name in wanted:
        asked = names.get(name, name)
        if asked is None:
            continue
        if any(asked in row for row in rows):
            columns.append(text_or_numbers(name, [row.get(asked) for row in rows]))
        elif rows and (name in names or name == "weight"):
            there = sorted({str(key) for row in rows for key in row})
            way = "; weight=None counts each edge as 1" if name == "weight" else ""
            raise GraphFormatError(
                f"Nothing has the attribute '{plain(asked)}' for {name}.",
                hint=offer(str(asked), there, "attributes") + way,
            )
    return columns
