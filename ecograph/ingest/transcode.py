"""From a file's stored bytes to UTF-8: hash and progress, gunzip, then the encoding."""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from ecograph.errors import SourceError
from ecograph.ingest.quarantine import brief
from ecograph.progress import Tick

__all__ = ["BOMS", "TextStream", "bytes_per_unit", "check_encoding", "encoding_of", "gunzip"]

_CHUNK = 1 << 20
# Which of the first four bytes aren't zero when ASCII is written in UTF-16 or UTF-32.
_ZEROS = (
    [True, False, True, False],
    [False, True, False, True],
    [True, False, False, False],
    [False, False, False, True],
)

# UTF-32 before UTF-16: its little-endian mark begins with that of UTF-16.
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Decode what can't be decoded as a lone surrogate: written as UTF-8 it is invalid, so its row is set aside."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udc80", error.end


codecs.register_error("ecograph-mark", _mark)


def check_encoding(name: str) -> str:
    """Python's own name of a text encoding, or a SourceError with the way out."""
    try:
        known = codecs.lookup(name).name.removesuffix("-sig")
        b"a".decode(name, "ignore")  # refuses codecs that aren't from bytes to text
        codecs.getincrementaldecoder(known)("ecograph-mark").decode(b"a")
    except (LookupError, UnicodeError, ValueError):
        hint = "Python's names are meant: encoding='utf-8', 'cp1252', 'utf-16', 'gb18030', ..."
        raise SourceError(f"{brief(name, 40)!r} isn't an encoding that a file can be read in.", hint=hint) from None
    return known


def encoding_of(head: bytes, asked: str | None, name: str) -> tuple[str, int]:
    """The encoding of a text that begins with ``head``, and the bytes of its mark (BOM)."""
    mark, marked = next(((mark, known) for mark, known in BOMS if head.startswith(mark)), (b"", None))
    if asked is None:
        if marked is None and [byte > 0 for byte in head[:4]] in _ZEROS:
            hint = "say which: encoding='utf-16-le', 'utf-16-be', 'utf-32-le' or 'utf-32-be'."
            raise SourceError(f"{name} begins with zero bytes, as UTF-16 or UTF-32 without a mark does.", hint=hint)
        return marked or "utf-8", len(mark)
    wanted = check_encoding(asked)
    if marked is None:
        return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(wanted, wanted), 0
    if wanted not in (marked, marked[:6]):
        hint = f"leave encoding= out, or say encoding={marked!r}."
        raise SourceError(f"{name} begins with the mark of {marked}, but encoding={asked!r} was asked for.", hint=hint)
    return marked, len(mark)


def bytes_per_unit(encoding: str) -> int:
    """Bytes a code unit takes: 1, 2 (UTF-16) or 4 (UTF-32); 0 where that varies and isn't UTF-8."""
    if encoding.startswith(("utf-16", "utf-32")):
        return int(encoding[4:6]) // 8
    every = bytes(range(256)).decode(encoding, "replace") if encoding != "utf-8" else ""
    return 1 if len(every) == 256 else 0


def gunzip(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Decompress gzip members one after another; zero bytes after the last are padding.

    Raises SourceError where the stream is cut or damaged, saying how much of it could be read.
    """
    inflate, done = zlib.decompressobj(31), 0
    try:
        for chunk in chunks:
            while chunk:
                if inflate.eof:
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    inflate = zlib.decompressobj(31)
                text = inflate.decompress(chunk, _CHUNK)
                done += len(text)
                if text:
                    yield text
                chunk = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    except zlib.error as error:
        raise _damaged(name, done, brief(error)) from None
    if not inflate.eof:
        raise _damaged(name, done, "the stream is cut short")


def _damaged(name: str, done: int, why: str) -> SourceError:
    hint = (
        f"fetch the file again; or keep what can be read: `gzip -dc '{name}' > part.csv` and read part.csv "
        "(its last line may be cut)."
    )
    return SourceError(f"{name} is damaged gzip after {done:,} bytes could be read from it: {why}.", hint=hint)


class TextStream:
    """A text file read forward as UTF-8 without its mark.

    Attributes
    ----------
    encoding : of the stored text. mark : bytes of its BOM. stored : bytes of the file read so far.
    """

    def __init__(self, path: Path, name: str, *, packed: bool, encoding: str | None, tick: Tick | None = None) -> None:
        self.name, self._tick, self.stored = name, tick, 0
        self._digest = hashlib.sha256()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SourceError(f"can't open {name}: {error.strerror}.") from None
        chunks = self._chunks()
        self._raw = gunzip(chunks, name) if packed else chunks
        self._ready = bytearray()
        self._ended = False
        try:
            head = self._head()
            self.encoding, self.mark = encoding_of(head, encoding, name)
            self._decode = self._decoder()
            self._ready += self._decode(head[self.mark :], False)
        except BaseException:
            self._file.close()
            raise

    def _head(self) -> bytes:
        head = b""
        while len(head) < 4 and (chunk := next(self._raw, b"")):
            head += chunk
        return head

    def _chunks(self) -> Iterator[bytes]:
        while chunk := self._stored_bytes():
            self._digest.update(chunk)
            self.stored += len(chunk)
            if self._tick is not None:
                self._tick(float(self.stored))
            yield chunk

    def _stored_bytes(self) -> bytes:
        try:
            return self._file.read(_CHUNK)
        except OSError as error:
            raise SourceError(f"{self.name} can't be read on after {self.stored:,} bytes: {error.strerror}.") from None

    def _decoder(self) -> Callable[[bytes, bool], bytes]:
        if self.encoding == "utf-8":
            return lambda data, final: data
        decoder = codecs.getincrementaldecoder(self.encoding)("ecograph-mark")
        return lambda data, final: decoder.decode(data, final).encode("utf-8", "surrogatepass")

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes of UTF-8; fewer only at the end."""
        ready = self._ready
        while len(ready) < size and not self._ended:
            chunk = next(self._raw, b"")
            self._ended = not chunk
            ready += self._decode(chunk, self._ended)
        taken = bytes(memoryview(ready)[:size])
        del ready[:size]
        return taken

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        self._ready[:0] = data

    @property
    def sha256(self) -> str | None:
        """Hash of the file as stored, once all of it was read."""
        return self._digest.hexdigest() if self._ended else None

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()
