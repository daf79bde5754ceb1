"""To and from graph-tool: vertex i is participant row i, edge e is tie row e.

Works on graph-tool 2.45, 2.91 and 2.98 with what they share: ``add_edge_list`` of an array, ``get_array`` of
scalar property maps indexed by ``edge_index``, ``iter_vertices`` and ``iter_edges`` for the others.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import GraphFormatError, MissingDependencyError
from ecograph.html import plain
from ecograph.label import (
    KEY,
    check_maps,
    label,
    label_from_text,
    options_for,
    readable,
    text_or_numbers,
    with_lost_columns,
)
from ecograph.schema import PARTICIPANTS, TIES
from ecograph.suggest import offer
from ecograph.ties import NO_TIME

__all__ = ["from_graph_tool", "import_graph_tool", "to_graph_tool"]

MANY = 10**6  # above this many participants string maps, a second or more each, are made only when asked for
_TYPES = {"relation": "int16_t", "period": "int32_t", "weight": "double", "weight_sq": "double",
          "count": "int64_t", "first": "int64_t", "last": "int64_t", "cluster": "int32_t"}  # fmt: skip
_SCALARS = ("bool", "int16_t", "int32_t", "int64_t", "double", "long double")
_LISTED = ("string", "object", "python::object")


def to_graph_tool(eco: Ecosystem, strings: bool | None = None) -> Any:
    """A directed ``graph_tool.Graph`` of the ecosystem.

    Parameters
    ----------
    strings : make string maps (id, role, group, ...). Default: up to a million participants.

    Returns
    -------
    graph_tool.Graph
        Internal vertex maps: the participant columns that hold anything ("" and NaN where null). Edge
        maps: weight, relation and period (rows of the graph properties ``relations`` and ``periods``) and,
        where known, weight_sq, count, first, last (microseconds since 1970 UTC; the smallest int64 where
        undated) and cluster (a code, -1 where there is none). Graph properties also hold ``version`` and the
        label that ``from_graph_tool`` reads.

    Raises
    ------
    MissingDependencyError : graph-tool isn't installed.

    Notes
    -----
    Edge e (``g.edge_index``) is row e of the tie table. Files give edges back grouped by source, so
    ``from_graph_tool`` sorts again. For GraphML files use ``eco.to_graphml``: XML forbids some characters.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [1, 2]})
    >>> g = eco.to_graph_tool()
    >>> sorted((g.vp.id[e.source()], g.ep.weight[e]) for e in g.edges())
    [('a', 1.0), ('b', 2.0)]
    """
    gt = import_graph_tool()
    g = gt.Graph(directed=True)
    g.add_vertex(len(eco))
    g.add_edge_list(np.column_stack((eco.ties.provider, eco.ties.receiver)))
    for name, values in eco.ties.columns.items():
        if name in _TYPES:
            g.ep[name] = _filled(g.new_edge_property(_TYPES[name]), values)
    with_text = len(eco) <= MANY if strings is None else strings
    for column in eco.participants:
        if column.dtype == pl.Float64 and column.null_count() < len(eco):
            values = column.fill_null(float("nan")).to_numpy()
            g.vp[column.name] = _filled(g.new_vertex_property("double"), values)
        elif column.dtype == pl.String and with_text and (column.name == "id" or column.null_count() < len(eco)):
            g.vp[column.name] = g.new_vertex_property("string", vals=column.fill_null("").to_list())
    starts = [NO_TIME if start is None else start for start in eco.periods]
    _set(g, "relations", "vector<string>", [relation.name for relation in eco.relations])
    _set(g, "periods", "vector<int64_t>", starts)
    facts = label(eco)
    _set(g, "version", "string", facts["version"])
    _set(g, KEY, "string", json.dumps(facts))
    return g


def import_graph_tool() -> Any:
    """The module, or how to get it."""
    try:
        import graph_tool
    except ImportError as error:
        raise MissingDependencyError(
            f"graph-tool can't be imported: {plain(error)}.",
            hint="apt-get install python3-graph-tool, or conda install -c conda-forge graph-tool",
        ) from None
    return graph_tool


def _filled(prop: Any, values: NDArray[Any]) -> Any:
    prop.get_array()[:] = values
    return prop


def _set(g: Any, name: str, kind: str, value: Any) -> None:
    g.gp[name] = g.new_graph_property(kind, val=value)


def from_graph_tool(g: Any, *, relations: Any = None, **maps: Any) -> Ecosystem:
    """Read a directed graph-tool graph: filtered, reversed or with gaps in its edge index.

    Parameters
    ----------
    g : graph_tool.Graph or GraphView; only what its filters show is read, an edge from source to target
        as the view has them. Parallel edges of one relation, period and cluster are merged.
    relations : unit and layer of each relation, as for ``from_ties``; default: what the graph says.
    **maps : for any column of ``schema.TIES`` (but provider and receiver) and ``schema.PARTICIPANTS``
        the property map or the name of the internal one. Default: the internal map of the column's own
        name, where there is one. ``id=None`` takes vertex numbers as ids, ``weight=None`` gives each
        edge weight 1, any other ``None`` leaves the column out. Times are microseconds since 1970 UTC.

    Raises
    ------
    GraphFormatError : the graph is undirected, has no map for id or weight, or a map of a type that no
        column can take.
    TieTableError : the values break the schema (an id twice, a weight that isn't finite, ...).

    Examples
    --------
    >>> import graph_tool as gt
    >>> g = gt.Graph(directed=True)
    >>> g.add_edge_list([(0, 1), (0, 1), (2, 1)])
    >>> eco = Ecosystem.from_graph_tool(g, id=None, weight=None)
    >>> sorted(eco.tie_table().select("provider", "receiver", "weight").rows())
    [('0', '1', 2.0), ('2', '1', 1.0)]
    """
    from ecograph.assemble import from_ties

    if not g.is_directed():
        raise GraphFormatError(
            "The graph is undirected, and a tie has a direction: provider to receiver.",
            hint="g.set_directed(True) reads each edge once, source to target; to have both, add the reversed edges",
        )
    check_maps(maps)
    carried = label_from_text(g.gp.get(KEY))
    vertices = np.asarray(g.get_vertices(), dtype=np.int64)
    people = _participants(g, vertices, maps)
    ties = _ties(g, vertices, people["id"], maps)
    options = options_for(carried, maps)
    ties = with_lost_columns(ties.select(readable(column, options) for column in ties), carried, maps)
    return from_ties(ties, people, **options | ({} if relations is None else {"relations": relations}))


def _participants(g: Any, vertices: NDArray[np.int64], maps: dict[str, Any]) -> pl.DataFrame:
    columns = {"id": pl.Series(vertices)}
    for name, schema in PARTICIPANTS.items():
        if (prop := _map(g.vp, name, maps, required=name == "id" and vertices.size > 0)) is not None:
            column = _values(name, prop, vertices, g.iter_vertices([g.vertex_index, prop]))
            columns[name] = column.fill_nan(None) if schema.dtype == column.dtype == pl.Float64 else column
    if not columns["id"].dtype.is_float():
        columns["id"] = columns["id"].cast(pl.String)
    return pl.DataFrame(columns)


def _ties(g: Any, vertices: NDArray[np.int64], ids: pl.Series, maps: dict[str, Any]) -> pl.DataFrame:
    row = np.zeros(int(vertices.max(initial=-1)) + 1, np.int64)
    row[vertices] = np.arange(vertices.size)
    edges = np.asarray(g.get_edges([g.edge_index]), dtype=np.int64).reshape(-1, 3)
    columns = {name: ids.gather(row[edges[:, k]]) for k, name in enumerate(("provider", "receiver"))}
    columns["weight"] = pl.Series(np.ones(len(edges)))
    for name in [name for name in TIES if name not in ("provider", "receiver")]:
        if (prop := _map(g.ep, name, maps, required=name == "weight" and len(edges) > 0)) is not None:
            columns[name] = _values(name, prop, edges[:, 2], g.iter_edges([g.edge_index, prop]))
    return pl.DataFrame(columns)


def _map(internal: Any, name: str, maps: dict[str, Any], *, required: bool) -> Any:
    """The property map for a column: the one given, else the internal one of its name, else none."""
    given = maps.get(name, name)
    if given is None or not isinstance(given, str):
        return given
    if given in internal:
        return internal[given]
    if name in maps or required:
        way = {"id": "id=None takes vertex numbers", "weight": "weight=None counts each edge as 1"}.get(name, "")
        raise GraphFormatError(
            f"The graph has no internal map '{plain(given)}' for {name}.",
            hint="; ".join(filter(None, [offer(given, list(internal.keys()), "maps"), way])),
        )
    return None


def _values(name: str, prop: Any, index: NDArray[np.int64], walk: Any) -> pl.Series:
    """Values at ``index``; text is walked one by one, each with its index last but one."""
    kind = prop.value_type()
    if kind in _SCALARS:
        values = np.asarray(prop.get_array())[index]
        return pl.Series(name, values.astype(np.float64) if kind == "long double" else values)
    if kind not in _LISTED:
        raise GraphFormatError(
            f"The property map for {name} holds {plain(kind)}, which no column can take.",
            hint=f"give {name}=None to leave it out, or a map of numbers or text",
        )
    at = {int(row[-2]): row[-1] for row in walk}
    return text_or_numbers(name, [at[i] for i in index.tolist()])
