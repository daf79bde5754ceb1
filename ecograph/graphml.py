"""To and from GraphML files, whatever characters the data hold."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

from ecograph.ecosystem import Ecosystem
from ecograph.errors import SourceError
from ecograph.graphtool import from_graph_tool, import_graph_tool, to_graph_tool
from ecograph.html import plain
from ecograph.label import KEY, label_from_text
from ecograph.output import write_text

__all__ = ["escape_xml", "from_graphml", "to_graphml", "unescape_xml"]

# What XML 1.0 forbids, and the carriage return, which its readers turn into a newline.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-F]{4})")
_ESCAPED = re.compile("_x([0-9A-F]{4})_")


def to_graphml(eco: Ecosystem, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    r"""Write a GraphML file through graph-tool, whole or not at all.

    Characters that XML forbids are written as ``_xHHHH_``, the escape of the Office Open XML standard
    (ECMA-376, ST_Xstring), and so is an underscore that would look like the start of one;
    ``from_graphml`` turns them back. Numbers keep all their digits.

    Raises
    ------
    OutputError : the file exists (without ``overwrite``) or can't be written.
    MissingDependencyError : graph-tool isn't installed.

    Examples
    --------
    >>> escape_xml("bell\x07 _x0007_"), unescape_xml(escape_xml("bell\x07 _x0007_"))
    ('bell_x0007_ _x005F_x0007_', 'bell\x07 _x0007_')
    """
    g = to_graph_tool(eco, strings=True)
    for name, prop in g.vp.items():
        if prop.value_type() == "string":
            values = [escape_xml(prop[v]) for v in g.vertices()]
            g.vp[name] = g.new_vertex_property("string", vals=values)
    g.gp["relations"] = [escape_xml(relation.name) for relation in eco.relations]
    g.gp[KEY] = json.dumps(json.loads(g.gp[KEY]) | {"escaped": True})
    buffer = io.BytesIO()
    g.save(buffer, fmt="graphml")
    write_text(path, buffer.getvalue().decode(), overwrite=overwrite)


def from_graphml(path: str | os.PathLike[str], **maps: Any) -> Ecosystem:
    """Read a GraphML file of ecograph's or of another program; ``maps`` as for ``from_graph_tool``.

    Raises
    ------
    SourceError : no such file, or not GraphML.
    """
    gt = import_graph_tool()
    if not Path(path).is_file():
        raise SourceError(f"No file {plain(path)}.", hint="check the path")
    try:
        _check_end(Path(path))
        g = gt.load_graph(str(path), fmt="graphml")
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"{plain(path)} can't be read as GraphML: {plain(error, limit=200)}.",
            hint="a file of another format: graph_tool.load_graph(path), then Ecosystem.from_graph_tool",
        ) from None
    if label_from_text(g.gp.get(KEY)).get("escaped"):
        for name, prop in g.vp.items():
            if prop.value_type() == "string":
                g.vp[name] = g.new_vertex_property("string", vals=[unescape_xml(prop[v]) for v in g.vertices()])
    return from_graph_tool(g, **maps)


def _check_end(path: Path) -> None:
    """Is the last element closed? graph-tool 2.45 reads a file that was cut off without a word."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200))
        if not file.read().rstrip().endswith(b"graphml>"):
            raise ValueError("it doesn't end with </graphml>, so it may be cut off")


def escape_xml(text: str) -> str:
    """``text`` in characters that XML can hold, reversibly."""
    return _FORBIDDEN.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unescape_xml(text: str) -> str:
    """The text that ``escape_xml`` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
