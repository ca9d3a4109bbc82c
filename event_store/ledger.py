"""The ledger's arithmetic: leaves, Merkle roots, proofs and the chain of batches. Pure functions; the format is final.

One entry per batch of the log. An event's leaf binds its bytes to its position; the root (RFC 6962) binds the leaves of a batch; the entry's hash
binds the root to every batch before. Changing one stored byte, anywhere, changes the head's hash. The bytes are told in docs/event-log.md: whoever
changes them makes every existing log fail its audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from struct import Struct
from uuid import UUID

import msgspec

HASH_SIZE = 32
"""Bytes of a hash."""
GENESIS = bytes(HASH_SIZE)
"""`prev_hash` of the first entry."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENTRY = Struct(">B32sQQIq32s").pack  # 0x02, prev_hash, first, last, n, recorded_at, root


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger: a batch of events that was committed at once."""

    first: int
    last: int
    n: int
    recorded_at: int
    """Microseconds since the epoch, by the database's clock, never earlier than the entry before."""
    root: bytes
    prev_hash: bytes
    hash: bytes
    leaves: bytes
    """The leaf hashes in order of position, 32 bytes each."""


def micros(moment: datetime) -> int:
    """Microseconds since the epoch, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """The aware UTC time of `micros` microseconds since the epoch."""
    return _EPOCH + micros * _MICROSECOND


def preimage(position: int, stream_id: bytes, version: int, topic: bytes, state: bytes) -> bytes:
    """The bytes whose SHA-256 is the event's leaf."""
    return leaf_start(len(topic))(0, position, stream_id, version, len(topic), topic) + state


@cache
def leaf_start(topic_size: int) -> Callable[..., bytes]:
    """Packs what comes before the state: 0x00, position, stream id, version, length of topic, topic."""
    return Struct(f">BQ16sQI{topic_size}s").pack


def leaf(position: int, stream_id: UUID, version: int, topic: str, state: bytes) -> bytes:
    """The leaf hash of one stored event."""
    return sha256(preimage(position, stream_id.bytes, version, topic.encode(), state)).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The RFC 6962 tree hash over leaf hashes; an only leaf is its own root.

    Level by level, a last node without a sister moves up as it is: the same tree as RFC 6962's split at the largest power of two.
    """
    if not leaves:
        return sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = iter(level)
    parents = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[tuple[bool, bytes]]:
    """The sisters on the way from leaf `index` to the root, each with whether it stands on the left."""
    path: list[tuple[bool, bytes]] = []
    level = list(leaves)
    while len(level) > 1:
        sister = index ^ 1
        if sister < len(level):
            path.append((sister < index, level[sister]))
        level = _parents(level)
        index //= 2
    return path


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Every level of the tree, leaves first, the root alone in the last: from it many paths are read, without hashing anew for each."""
    tree = [list(leaves)]
    while len(tree[-1]) > 1:
        tree.append(_parents(tree[-1]))
    return tree


def path(tree: list[list[bytes]], index: int) -> list[bytes]:
    """The sisters on the way from leaf `index` to the root of `levels`; `sides` says where each stands."""
    found: list[bytes] = []
    for level in tree[:-1]:
        if (index ^ 1) < len(level):
            found.append(level[index ^ 1])
        index //= 2
    return found


def sides(index: int, n: int) -> list[bool]:
    """Of each sister on the way from leaf `index` of `n` to the root, whether it stands on the left. Follows from the place alone."""
    found: list[bool] = []
    while n > 1:
        if (index ^ 1) < n:
            found.append(index % 2 == 1)
        index, n = index // 2, (n + 1) // 2
    return found


def proved_root(leaf_hash: bytes, proof: Sequence[tuple[bool, bytes]]) -> bytes:
    """The root that a leaf and its proof lead to: the event is in the batch if it is the entry's."""
    node = leaf_hash
    for on_the_left, sister in proof:
        node = sha256(b"\x01" + (sister + node if on_the_left else node + sister)).digest()
    return node


def chain_hash(prev_hash: bytes, first: int, last: int, n: int, recorded_at: int, root: bytes) -> bytes:
    """The hash of an entry; the leaves are under it through the root."""
    return sha256(_ENTRY(2, prev_hash, first, last, n, recorded_at, root)).digest()


def seal(prev_hash: bytes, first: int, recorded_at: int, leaves: Sequence[bytes], root: bytes) -> Entry:
    """The entry of a batch that starts at `first` and follows the entry of `prev_hash`; `root` is that of its leaves."""
    last = first + len(leaves) - 1
    return Entry(
        first=first,
        last=last,
        n=len(leaves),
        recorded_at=recorded_at,
        root=root,
        prev_hash=prev_hash,
        hash=chain_hash(prev_hash, first, last, len(leaves), recorded_at, root),
        leaves=b"".join(leaves),
    )


def split_leaves(leaves: bytes) -> Iterator[bytes]:
    """The leaf hashes one by one."""
    return (leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE))
