"""The bytes of a bundle: gzip members of JSON lines (`zcat` shows them), a signed manifest with the hash of each, and a seal of fixed size.

The members before the manifest may be compressed anyhow: the manifest holds the SHA-256 of their stored bytes. Manifest and seal are gzip members of stored
blocks, which can be written in one way only: so there is no byte in the file that could be changed unseen. The format is final; docs/event-log.md tells it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from gzip import compress
from hashlib import sha256
from struct import pack
from typing import IO, Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from aetherius.event_store.audit.proof import Hash, Header, Place, ProvedEvent
from aetherius.runtime.signing_key import SigningKey

FORMAT: Final = "aetherius.bundle.v1"
PART_LINES = 500
PART_BYTES = 512 * 1024
"""A part is closed at so many lines, or bytes before compression."""
MAX_PART = 128 * 2**20
"""Bytes of a part at most, before compression: the largest event there can be, in base64."""
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_BLOCK = 65_535


class PositionRange(msgspec.Struct, frozen=True, tag="positions", forbid_unknown_fields=True):
    """Every event from one position to another, both included."""

    first: Place
    last: Place


class TimeRange(msgspec.Struct, frozen=True, tag="recorded", forbid_unknown_fields=True):
    """Every event that was recorded at `since` or after, and before `until`."""

    since: Annotated[datetime, Meta(tz=True)]
    until: Annotated[datetime, Meta(tz=True)]


class IncidentStory(msgspec.Struct, frozen=True, tag="incident", forbid_unknown_fields=True):
    """An incident's stream, what carries its correlation id, and the observations it was made of."""

    incident: UUID


Selection = PositionRange | TimeRange | IncidentStory


class Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One of the two."""

    entry: Header | None = None
    event: ProvedEvent | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member of lines, in the manifest. Its first line is an entry, repeated if the part before had begun it."""

    offset: Annotated[int, Meta(ge=0)]
    stored: Annotated[int, Meta(ge=1)]
    """Bytes in the file."""
    size: Annotated[int, Meta(ge=1, le=MAX_PART)]
    """Bytes before compression."""
    sha256: Hash
    """Of the bytes in the file."""
    first: Place
    last: Place
    """Positions that its entries span."""


class HeadOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The end of the log when the bundle was made."""

    position: Place
    hash: Hash
    recorded_at: Annotated[datetime, Meta(tz=True)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the signature is of."""

    format: Literal["aetherius.bundle.v1"] = FORMAT
    made_at: Annotated[datetime, Meta(tz=True)]
    selection: Selection
    entries: int
    events: int
    head: HeadOf
    key_id: str
    public_key: str
    parts: list[Part]


class BundleWriter:
    """Writes a bundle from its lines, part by part. Memory: one part, and some 200 bytes for each that was written."""

    def __init__(self, file: IO[bytes], selection: Selection, key: SigningKey, made_at: datetime) -> None:
        self._file = file
        self._selection = selection
        self._key = key
        self._made_at = made_at
        self._parts: list[Part] = []
        self._offset = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._span = (0, 0)
        self._entry: Header | None = None
        self._entries = self._events = 0

    def write(self, lines: Iterable[Header | ProvedEvent], head: HeadOf) -> Manifest:
        """Write everything; the lines begin with an entry, and each event follows its own."""
        for line in lines:
            self._add(line)
        self._close_part()
        manifest = Manifest(
            made_at=self._made_at,
            selection=self._selection,
            entries=self._entries,
            events=self._events,
            head=head,
            key_id=self._key.public.key_id,
            public_key=self._key.public.base64,
            parts=self._parts,
        )
        text = msgspec.json.encode(manifest) + b"\n"
        member = stored_member(text)
        self._file.write(member + seal(len(member), self._key.sign(signed_bytes(text))))
        return manifest

    def _add(self, line: Header | ProvedEvent) -> None:
        if len(self._lines) >= PART_LINES or self._size >= PART_BYTES:
            self._close_part()
        if isinstance(line, Header):
            self._entry = line
            self._entries += 1
            self._put_entry(line)
        else:
            self._events += 1
            if not self._lines and self._entry:
                self._put_entry(self._entry)
            self._put(Line(event=line))

    def _put_entry(self, entry: Header) -> None:
        self._span = (self._span[0] if self._lines else entry.first, entry.last)
        self._put(Line(entry=entry))

    def _put(self, line: Line) -> None:
        text = msgspec.json.encode(line) + b"\n"
        self._lines.append(text)
        self._size += len(text)

    def _close_part(self) -> None:
        if not self._lines:
            return
        member = compress(b"".join(self._lines), 6, mtime=0)
        self._file.write(member)
        first, last = self._span
        digest = sha256(member).hexdigest()
        self._parts.append(
            Part(offset=self._offset, stored=len(member), size=self._size, sha256=digest, first=first, last=last)
        )
        self._offset += len(member)
        self._lines, self._size = [], 0


def signed_bytes(manifest: bytes) -> bytes:
    """What is signed for a manifest's line: nothing else that the key signs begins like this."""
    return f"{FORMAT}\n".encode() + manifest


def seal(manifest_size: int, signature: bytes) -> bytes:
    """The last member: where the manifest starts, counted from the seal backwards, and its signature. Always as long."""
    return stored_member(b'{"manifest_bytes":%16d,"signature":"%b"}\n' % (manifest_size, signature.hex().encode()))


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seal's line."""

    manifest_bytes: Annotated[int, Meta(ge=1, le=10**15)]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]

    @classmethod
    def read(cls, member: bytes) -> Seal | None:
        """The seal in a file's last bytes; None if they are none."""
        try:
            found = msgspec.json.decode(stored_content(member) or b"", type=cls)
        except msgspec.DecodeError:
            return None
        return found if seal(found.manifest_bytes, bytes.fromhex(found.signature)) == member else None


def stored_member(content: bytes) -> bytes:
    """A gzip member that does not compress: full blocks, so there is one way to write it."""
    blocks = [content[at : at + _BLOCK] for at in range(0, len(content), _BLOCK)] or [b""]
    last = len(blocks) - 1
    body = b"".join(
        pack("<BHH", index == last, len(block), len(block) ^ 0xFFFF) + block for index, block in enumerate(blocks)
    )
    return _GZIP_HEADER + body + pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def stored_content(member: bytes) -> bytes | None:
    """The content of such a member; None if a single byte is not as `stored_member` writes it."""
    try:
        content = zlib.decompressobj(31).decompress(member, len(member) or 1)
    except zlib.error:
        return None
    return content if stored_member(content) == member else None


def lines_of(member: bytes, size: int) -> Iterator[Line]:
    """The lines of a part, as far as it can be read.

    Raises:
        ValueError: it ends early, or is longer than `size`, or a line is none (says what is wrong).
    """
    unpacked = zlib.decompressobj(31)
    try:
        content = unpacked.decompress(member, size + 1)
    except zlib.error as exc:
        raise ValueError(f"cannot be unpacked ({exc})") from exc
    if len(content) != size or not unpacked.eof or unpacked.unused_data or not content.endswith(b"\n"):
        raise ValueError("does not unpack to its size")
    decoder = msgspec.json.Decoder(Line)
    for text in content.splitlines():
        yield decoder.decode(text)


SEAL_SIZE = len(seal(0, bytes(64)))
"""Bytes of the seal."""
