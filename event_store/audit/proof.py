"""The proof of one event: its own bytes, the way from its leaf to its batch's root, and the fields under the hash of the batch's ledger entry.

A proof needs nothing but itself: whoever knows the entry's hash (from an anchor, or from a later entry that the chain leads to) knows that exactly these
bytes were recorded at exactly this position. Where the sisters stand is not said: it follows from the position.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from aetherius.event_store import ledger
from aetherius.event_store.ledger import Entry

FORMAT: Final = "aetherius.proof.v1"
MAX_PROOF = 64 * 2**20
"""Bytes of a proof's file at most: one event, and a path of a few hundred bytes."""

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""32 bytes in lower-case hex."""
Place = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""A position."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger entry without its leaves: the fields under its hash, and the hash."""

    first: Place
    last: Place
    n: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    recorded_at: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    """Microseconds since the epoch."""
    root: Hash
    prev_hash: Hash
    hash: Hash

    @classmethod
    def of(cls, entry: Entry) -> Header:
        """The header of an entry."""
        return cls(
            first=entry.first,
            last=entry.last,
            n=entry.n,
            recorded_at=entry.recorded_at,
            root=entry.root.hex(),
            prev_hash=entry.prev_hash.hex(),
            hash=entry.hash.hex(),
        )

    def fault(self) -> str:
        """What in it contradicts the rest of it; empty if nothing does."""
        if self.n != self.last - self.first + 1:
            return "its range and count do not agree"
        prev_hash, root = bytes.fromhex(self.prev_hash), bytes.fromhex(self.root)
        expected = ledger.chain_hash(prev_hash, self.first, self.last, self.n, self.recorded_at, root)
        return "" if expected.hex() == self.hash else "its hash is not that of its fields"

    def break_after(self, before: Header) -> str:
        """Why it does not follow another entry; empty if it does."""
        if self.first != before.last + 1:
            return f"starts at {self.first}, the one before ends at {before.last}"
        if self.prev_hash != before.hash:
            return "does not name the hash of the one before"
        return "recorded earlier than the one before" if self.recorded_at < before.recorded_at else ""


class ProvedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as it is stored, with the way from its leaf to the root."""

    position: Place
    stream_id: UUID
    version: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    topic: str
    state: bytes
    path: list[Hash]
    """The sisters from the leaf up."""

    def fault(self, header: Header) -> str:
        """Why it is not an event of this (sound) entry; empty if it is one."""
        if not header.first <= self.position <= header.last:
            return f"its entry holds {header.first} to {header.last}"
        sides = ledger.sides(self.position - header.first, header.n)
        if len(sides) != len(self.path):
            return f"its path has {len(self.path)} steps, its place needs {len(sides)}"
        leaf = ledger.leaf(self.position, self.stream_id, self.version, self.topic, self.state)
        path = [(left, bytes.fromhex(sister)) for left, sister in zip(sides, self.path, strict=True)]
        return "" if ledger.proved_root(leaf, path).hex() == header.root else "not what was recorded at this position"


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event and its entry, as a file."""

    format: Literal["aetherius.proof.v1"] = FORMAT
    event: ProvedEvent
    entry: Header

    def encode(self) -> bytes:
        """The file: one line of JSON."""
        return msgspec.json.encode(self) + b"\n"

    def fault(self) -> str:
        """What is wrong with it, empty if it proves its event to be in its entry."""
        if fault := self.entry.fault():
            return f"the entry that ends at {self.entry.last}: {fault}"
        if fault := self.event.fault(self.entry):
            return f"the event at {self.event.position}: {fault}"
        return ""


class Checked(msgspec.Struct, frozen=True):
    """A proof's file, judged."""

    proof: Proof | None
    fault: str
    """Empty if it holds."""


def check(file: bytes) -> Checked:
    """Judge a proof's file: a file with any byte other than `encode` wrote does not hold."""
    try:
        proof = msgspec.json.decode(file, type=Proof)
        canonical = proof.encode() == file
    except (msgspec.DecodeError, UnicodeError) as exc:
        return Checked(None, f"not a proof: {exc}")
    return Checked(proof, proof.fault() or ("" if canonical else "not written as a proof is: a byte was changed"))


def event_of(row: tuple[int, UUID, int, str, bytes], path: list[bytes]) -> ProvedEvent:
    """A stored row with its path."""
    position, stream_id, version, topic, state = row
    return ProvedEvent(
        position=position,
        stream_id=stream_id,
        version=version,
        topic=topic,
        state=bytes(state),
        path=[sister.hex() for sister in path],
    )
