"""The ledger's arithmetic: bytes that must never change, and laws of the tree."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.event_store import ledger

hashes = st.binary(min_size=32, max_size=32)
leaf_lists = st.lists(hashes, min_size=1, max_size=70)


def rfc6962_root(leaves: list[bytes]) -> bytes:
    """The tree as RFC 6962 defines it, by splitting at the largest power of two below the count."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + rfc6962_root(leaves[:split]) + rfc6962_root(leaves[split:])).digest()


def test_a_leaf_covers_position_id_version_topic_and_state_in_fixed_bytes() -> None:
    stream_id = UUID(int=0x0102030405060708090A0B0C0D0E0F10)
    expected = (
        b"\x00" + (7).to_bytes(8) + bytes(range(1, 17)) + (3).to_bytes(8) + (4).to_bytes(4) + "Té.".encode() + b"{}"
    )
    assert ledger.leaf(7, stream_id, 3, "Té.", b"{}") == sha256(expected).digest()


def test_a_chain_hash_covers_every_field_in_fixed_bytes() -> None:
    expected = (
        b"\x02"
        + b"p" * 32
        + (5).to_bytes(8)
        + (6).to_bytes(8)
        + (2).to_bytes(4)
        + (-9).to_bytes(8, signed=True)
        + b"r" * 32
    )
    assert ledger.chain_hash(b"p" * 32, 5, 6, 2, -9, b"r" * 32) == sha256(expected).digest()


def test_the_format_of_today_is_the_format_for_ever() -> None:
    leaf = ledger.leaf(1, UUID(int=1), 1, "Agent.CameBack.v1", b'{"at":"2026-11-23T12:00:00Z"}')
    entry = ledger.seal(ledger.GENESIS, 1, 1_800_000_000_000_000, [leaf, leaf, leaf], ledger.merkle_root([leaf] * 3))
    assert (entry.last, entry.n, len(entry.leaves)) == (3, 3, 96)
    assert entry.hash.hex() == "b70f3e4a4b81fbb97d3b2f2df908812db314edf24af719131d0e5fabeffcef1b"


@given(leaf_lists)
def test_the_root_is_that_of_rfc_6962(leaves: list[bytes]) -> None:
    assert ledger.merkle_root(leaves) == rfc6962_root(leaves)


def test_a_tree_of_nothing_is_the_hash_of_nothing() -> None:
    assert ledger.merkle_root([]) == sha256().digest()


@given(leaf_lists, st.sampled_from([1, 2, 4, 8, 16]))
def test_roots_of_equal_powers_of_two_make_the_same_root(leaves: list[bytes], size: int) -> None:
    subtrees = [ledger.merkle_root(leaves[at : at + size]) for at in range(0, len(leaves), size)]
    assert ledger.merkle_root(subtrees) == ledger.merkle_root(leaves)


@given(leaf_lists, st.data())
def test_every_leaf_can_be_proved_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = ledger.inclusion_proof(leaves, index)
    assert ledger.proved_root(leaves[index], proof) == ledger.merkle_root(leaves)
    other = data.draw(hashes.filter(lambda h: h != leaves[index]))
    assert ledger.proved_root(other, proof) != ledger.merkle_root(leaves)


@given(leaf_lists, st.data())
def test_a_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = data.draw(hashes.filter(lambda h: h != leaves[index]))
    assert ledger.merkle_root([*leaves[:index], changed, *leaves[index + 1 :]]) != ledger.merkle_root(leaves)


_events = st.tuples(
    st.integers(0, 2**63 - 1), st.uuids(), st.integers(0, 2**63 - 1), st.text(max_size=20), st.binary(max_size=40)
)


@given(_events, _events)
def test_different_events_have_different_leaves(
    one: tuple[int, UUID, int, str, bytes], other: tuple[int, UUID, int, str, bytes]
) -> None:
    assert (ledger.leaf(*one) == ledger.leaf(*other)) == (one == other)


def test_topic_and_state_cannot_trade_bytes() -> None:
    assert ledger.leaf(1, UUID(int=1), 1, "ab", b"c") != ledger.leaf(1, UUID(int=1), 1, "a", b"bc")


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_microseconds_are_exact_both_ways(at: datetime) -> None:
    assert ledger.moment(ledger.micros(at)) == at


@pytest.mark.parametrize("count", [0, 1, 3])
def test_leaves_split_where_they_were_joined(count: int) -> None:
    leaves = [bytes([n]) * 32 for n in range(count)]
    assert list(ledger.split_leaves(b"".join(leaves))) == leaves
