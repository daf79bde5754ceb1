"""An ecosystem: who takes part, what flows between them, in one order that never changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.clusters import pool, pooled_rows
from ecograph.cpu.csr import by_provider, starts
from ecograph.errors import ParticipantError
from ecograph.html import quoted
from ecograph.schema import Relation
from ecograph.suggest import offer
from ecograph.ties import Ties

if TYPE_CHECKING:
    from ecograph.assemble import Relations

__all__ = ["Ecosystem"]

FEW = 8  # ids, up to which all are looked through for each: a table of a million ids takes 0.2 s to make


@dataclass(frozen=True, eq=False, repr=False)
class Ecosystem:
    """Participants and ties of a platform ecosystem.

    Use ``ecograph.read_events``, ``Ecosystem.from_events`` or ``Ecosystem.from_ties``; the plain
    constructor trusts its arguments to be in canonical order already.

    Parameters
    ----------
    participants : one row a participant, columns of ``schema.PARTICIPANTS``, in canonical order.
    ties : the tie table as arrays, sorted by receiver, provider, relation, period and, if told, cluster.
    relations : what flows, sorted by name; ``ties.relation`` holds rows of it.
    periods : first instant of each period, microseconds since 1970 UTC, ``None`` for the undated one;
        ``ties.period`` holds rows of it.
    every : length of a period (``"1mo"``), or ``None`` where the data told no length.
    provenance : where the data came from; kept by views and by ``save``.
    zone : the time zone whose calendar the periods follow.
    report : what reading the events found, or ``None`` where none were read.
    """

    participants: pl.DataFrame
    ties: Ties
    relations: tuple[Relation, ...]
    periods: tuple[int | None, ...] = (None,)
    every: str | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    zone: str = "UTC"
    report: Any = None

    # Ways in

    @classmethod
    def from_ties(cls, ties: Any, participants: Any = None, *, relations: Relations | None = None) -> Ecosystem:
        """Build an ecosystem from a table of ties and, if there is one, a table of participants.

        Parameters
        ----------
        ties : Polars frame or LazyFrame, object with ``__arrow_c_stream__``, or dict of columns: provider,
            receiver, weight and, if wanted, relation, period, weight_sq, count, first, last, cluster
            (``schema.TIES``). Whole-number ids become their decimal text; text ids stay as they are.
            Clusters that are text are coded; whole numbers from 0 are codes already.
        participants : a table likewise: id and, if wanted, role, group, market, owner, pillar, region,
            capacity, external_cost, external_demand (``schema.PARTICIPANTS``). Blank attributes become
            null. Participants that only occur in ties are added with null attributes.
        relations : unit and layer of every relation: a sequence of ``schema.Relation``, or a dict from
            name to unit or to (unit, layer). Default: unit "1", layer "service".

        Returns
        -------
        Ecosystem
            The same, byte for byte, for any order of the rows. Parallel rows of one relation, period and
            cluster are merged, their amounts summed exactly and rounded once. Zero and negative weights and
            self-ties stay; no lens uses them.

        Raises
        ------
        TieTableError : a table breaks its schema; the message names column, rows and the way out.

        Notes
        -----
        O(n log n + e log e) time for n participants and e ties.

        Examples
        --------
        >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "a"], "receiver": ["o", "o", "o"], "weight": [1, 5, 2]})
        >>> eco.tie_table().sort("provider").select("provider", "receiver", "weight").rows()
        [('a', 'o', 3.0), ('b', 'o', 5.0)]
        """
        from ecograph.assemble import from_ties

        return from_ties(ties, participants, relations=relations)

    @classmethod
    def from_events(cls, frame: Any, mapping: Any = None, **options: Any) -> Ecosystem:
        """Read events from a file, a frame or an Arrow stream; the same as ``ecograph.read_events``."""
        from ecograph.ingest import read_events

        eco: Ecosystem = read_events(frame, mapping=mapping, **options)
        return eco

    @classmethod
    def from_graph_tool(cls, g: Any, **maps: Any) -> Ecosystem:
        """Read a directed graph-tool graph; see ``ecograph.graphtool.from_graph_tool``."""
        from ecograph.graphtool import from_graph_tool

        return from_graph_tool(g, **maps)

    @classmethod
    def from_networkx(cls, graph: Any, **names: Any) -> Ecosystem:
        """Read a directed NetworkX graph; see ``ecograph.nx.from_networkx``."""
        from ecograph.nx import from_networkx

        return from_networkx(graph, **names)

    @classmethod
    def from_graphml(cls, path: str | os.PathLike[str], **maps: Any) -> Ecosystem:
        """Read a GraphML file; see ``ecograph.graphml.from_graphml``."""
        from ecograph.graphml import from_graphml

        return from_graphml(path, **maps)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Ecosystem:
        """Read what ``save`` wrote; a truncated or altered set is refused (``OutputError``)."""
        from ecograph.storage import load

        return load(path)

    # Ways out

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a folder of Parquet tables with hashes, whole or not at all; see ``ecograph.storage.save``."""
        from ecograph.storage import save

        save(self, path, overwrite=overwrite)

    def to_graph_tool(self, strings: bool | None = None) -> Any:
        """A graph-tool graph: vertex i is participant i, edge e is tie e; see ``ecograph.graphtool``."""
        from ecograph.graphtool import to_graph_tool

        return to_graph_tool(self, strings)

    def to_networkx(self, *, multigraph: bool = True) -> Any:
        """A NetworkX graph with participants' ids as nodes; see ``ecograph.nx.to_networkx``."""
        from ecograph.nx import to_networkx

        return to_networkx(self, multigraph=multigraph)

    def to_graphml(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a GraphML file that any text can pass through; see ``ecograph.graphml.to_graphml``."""
        from ecograph.graphml import to_graphml

        to_graphml(self, path, overwrite=overwrite)

    def tie_table(self) -> pl.DataFrame:
        """The ties with ids, names and times instead of rows: columns of ``schema.TIES``, row e is tie e."""
        from ecograph.show import tie_table

        return tie_table(self)

    def tie_bytes(self) -> bytes:
        """Every byte of the tie table, column after column: equal exactly when two tie tables are."""
        return b"".join(name.encode() + values.tobytes() for name, values in self.ties.columns.items())

    # Views

    def window(
        self, since: str | date | datetime | None = None, until: str | date | datetime | None = None
    ) -> Ecosystem:
        """The ties of the periods in [since, until); see ``ecograph.views.window``."""
        from ecograph.views import window

        return window(self, since, until)

    def relation(self, *names: str) -> Ecosystem:
        """The ties of these relations; participants stay."""
        from ecograph.views import relation

        return relation(self, *names)

    def layer(self, name: str) -> Ecosystem:
        """The ties of the relations in this layer ("service" or "money"); participants stay."""
        from ecograph.views import layer

        return layer(self, name)

    def role(self, *names: str) -> Ecosystem:
        """Only participants of these roles, and the ties among them: shares of inputs are renormalised."""
        from ecograph.views import role

        return role(self, *names)

    def without(self, ids: str | Iterable[str]) -> Ecosystem:
        """Leave these participants out, with their ties: shares of inputs are renormalised."""
        from ecograph.views import without

        return without(self, ids)

    # What is in it

    def __len__(self) -> int:
        """How many participants."""
        return self.participants.height

    @cached_property
    def ids(self) -> pl.Series:
        """Participant ids, in canonical order."""
        return self.participants["id"]

    def row_of(self, id: str) -> int:
        """The row of a participant in the participant table, in O(n).

        Raises
        ------
        ParticipantError : nobody has this id; the message names the nearest ids.
        """
        return int(self.rows_of([id])[0])

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The rows of several participants, in the order asked for."""
        from ecograph.assemble import code_names

        names = pl.Series(ids, dtype=pl.String)
        few = names.len() <= FEW and not names.has_nulls()
        rows = np.array([_place(self.ids, it) for it in names], np.int64) if few else code_names(names, self.ids)
        if (rows < 0).any():
            absent = [id for id, row in zip(ids, rows, strict=True) if row < 0]
            raise ParticipantError(
                f"No participant {quoted(absent)} among {len(self):,}.", hint=offer(absent[0], self.ids, "ids")
            )
        return rows

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """Ties of receiver j are rows ``indptr[j]`` to ``indptr[j + 1]`` of the tie table."""
        ptr = starts(self.ties.receiver, len(self))
        self.ties.let_go()
        return _read_only(ptr)

    @cached_property
    def _by_provider(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ptr, rows = by_provider(self.ties.provider, len(self))
        return _read_only(ptr), _read_only(rows)

    @property
    def out_ptr(self) -> NDArray[np.int64]:
        """Ties of provider i are ``out_rows[out_ptr[i]:out_ptr[i + 1]]``; built on first use."""
        return self._by_provider[0]

    @property
    def out_rows(self) -> NDArray[np.int64]:
        """Rows of the tie table sorted by provider, in table order within each."""
        return self._by_provider[1]

    @cached_property
    def pooled(self) -> Ecosystem:
        """The same without clusters: one tie for each (receiver, provider, relation, period). Lenses look at this."""
        return self if self.ties.cluster is None else replace(self, ties=pool(self.ties))

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """For each participant: has it a tie of any kind in this view?"""
        out = np.zeros(len(self), np.bool_)
        out[self.ties.provider] = out[self.ties.receiver] = True
        return _read_only(out)

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """For each tie: does it take part in lenses (weight above 0, and no self-tie)?

        A part of a tie that clusters cut takes part where the whole tie does.
        """
        if self.ties.cluster is not None:
            return _read_only(self.pooled.active[pooled_rows(self.ties)])
        return _read_only((self.ties.weight > 0) & (self.ties.provider != self.ties.receiver))

    def __repr__(self) -> str:
        from ecograph.show import text

        return text(self)

    def _repr_html_(self) -> str:
        from ecograph.show import markup

        return markup(self)


def _place(ids: pl.Series, id: str) -> int:
    """The row of an id; -1 where nobody has it."""
    found = (ids == id).arg_true()
    return int(found[0]) if len(found) else -1


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    values.setflags(write=False)
    return values
