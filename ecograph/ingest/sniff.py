"""What a file is, by its first bytes rather than its name; and the way out where it can't be read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from ecograph.errors import SourceError
from ecograph.ingest.transcode import BOMS

__all__ = ["FORMATS", "TEXTS", "Kind", "sniff"]

FORMATS: dict[str, tuple[str, ...]] = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "ndjson": (".ndjson", ".jsonl"),
    "parquet": (".parquet", ".pq"),
    "ipc": (".arrow", ".ipc", ".feather"),
}
TEXTS = ("csv", "tsv", "ndjson")
_HEAD = 4096
_GZIP = b"\x1f\x8b"
_STREAM = b"\xff\xff\xff\xff"

# First bytes -> what it is, and how to get a table out of it ({} = the file's name).
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", "export the table from its source, or extract it by hand (tabula, pdfplumber) and check it."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", "save the sheet as CSV UTF-8."),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: zstd -d '{}'"),
    (b"BZh", "compressed by bzip2", "unpack it: bunzip2 -k '{}'"),
    (b"\xfd7zXZ\0", "compressed by xz", "unpack it: xz -dk '{}'"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x '{}'"),
    (b"Rar!", "a RAR archive", "unpack it: unrar x '{}'"),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export the table: sqlite3 -csv -header '{}' 'select * from t' > t.csv",
    ),
    (b"FEA1", "a Feather file of version 1", "write it again as Parquet or Feather version 2."),
    (b"{\\rtf", "a rich text document", "save it as plain text."),
)


class Kind(NamedTuple):
    """A format, whether it is gzip, and whether Arrow IPC comes as a stream."""

    format: str
    packed: bool = False
    stream: bool = False


def sniff(path: Path, name: str, asked: str | None) -> Kind:
    """The kind of a file; Parquet, Arrow and gzip are known whatever their name. Raises SourceError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError(f"can't open {name}: {error.strerror}.") from None
    if not head:
        raise SourceError(f"{name} is empty (0 bytes).", hint="was it written to the end, or fetched whole?")
    wanted = asked or _named(path)
    if _GZIP.startswith(head[:2]):
        return Kind(_text_format(_unpacked(head), name, path, wanted, packed=True), packed=True)
    if head.startswith(b"PAR1"):
        return Kind("parquet")
    if head.startswith(b"ARROW1"):
        return Kind("ipc")
    if head.startswith(_STREAM) and wanted == "ipc":
        return Kind("ipc", stream=True)
    return Kind(_text_format(head, name, path, wanted, packed=False))


def _named(path: Path) -> str | None:
    ends = [suffix for suffix in path.name.lower().split(".")[1:] if suffix != "gz"]
    return next((known for known, suffixes in FORMATS.items() if ends and "." + ends[-1] in suffixes), None)


def _unpacked(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, _HEAD)
    except zlib.error:
        return b""  # reading it will say what is wrong


def _text_format(head: bytes, name: str, path: Path, wanted: str | None, *, packed: bool) -> str:
    _refuse_others(head, name, path, packed)
    if wanted in ("parquet", "ipc"):
        hint = "was it fetched whole, and is it what its name says? Pass format= where the name is wrong."
        raise SourceError(
            f"{name} doesn't begin as {'Parquet' if wanted == 'parquet' else 'Arrow IPC'} does.", hint=hint
        )
    if wanted is not None:
        return wanted
    if head.lstrip()[:1] == b"{":
        return "ndjson"
    if head.lstrip()[:1] == b"[":
        hint = f"write one object a line: `jq -c '.[]' '{name}' > lines.ndjson`."
        raise SourceError(f"{name} is JSON but not JSON lines.", hint=hint)
    hint = f"pass format= one of {', '.join(FORMATS)}; other delimiters than comma and tab go into the dialect."
    raise SourceError(f"can't tell from the name of {name} how it is written.", hint=hint)


def _refuse_others(head: bytes, name: str, path: Path, packed: bool) -> None:
    if head.startswith((b"PAR1", b"ARROW1")):
        raise SourceError(f"{name} is Parquet or Arrow inside gzip.", hint=f"unpack it: gzip -dk '{name}'")
    if head.startswith(_GZIP):
        raise SourceError(f"{name} is gzip inside gzip.", hint=f"unpack it once: gzip -dc '{name}' > once.gz")
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        raise _zip(name, path, packed)
    if head[257:262] == b"ustar":
        raise SourceError(f"{name} is a tar archive.", hint=f"unpack it: tar -xf '{name}'")
    for magic, what, way_out in _OTHERS:
        if head.startswith(magic):
            raise SourceError(f"{name} is {what}, not a table that can be read.", hint=way_out.format(name))
    start = head
    for mark, encoding in BOMS:
        if head.startswith(mark):
            start = head[len(mark) :].decode(encoding, "ignore").encode("utf-8", "ignore")
            break
    start = start.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        hint = "fetch the file itself (an error or login page is often saved under its name), or save the table as CSV."
        raise SourceError(f"{name} is HTML or XML, not a table that can be read.", hint=hint)


def _zip(name: str, path: Path, packed: bool) -> SourceError:
    try:
        members = [] if packed else zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        members = []
    if any(member.startswith("xl/") for member in members):
        return SourceError(
            f"{name} is an Excel workbook (.xlsx).", hint="save the sheet as CSV UTF-8, and give that file."
        )
    if "content.xml" in members:
        return SourceError(f"{name} is an OpenDocument file.", hint="save the sheet as CSV UTF-8, and give that file.")
    inside = f" of {len(members)} file(s), such as {members[0][:60]!r}" if members else ""
    return SourceError(f"{name} is a zip archive{inside}.", hint=f"unpack it: unzip '{name}', and give what is inside.")
