"""The proof of one event: holds as it was made, and no longer once anything in it was changed."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aetherius.event_store import ledger
from aetherius.event_store.audit.proof import check
from ledger_samples import Sample

SAMPLE = Sample([1, 2, 3, 7, 20])
LAST = SAMPLE.head.position


@given(st.integers(1, 300), st.data())
def test_sides_and_path_lead_every_leaf_to_the_root(n: int, data: st.DataObject) -> None:
    leaves = [sha256(bytes([number % 256, number // 256])).digest() for number in range(n)]
    index = data.draw(st.integers(0, n - 1))
    tree = ledger.levels(leaves)
    way = list(zip(ledger.sides(index, n), ledger.path(tree, index), strict=True))
    assert way == ledger.inclusion_proof(leaves, index)
    assert tree[-1] == [ledger.merkle_root(leaves)] == [ledger.proved_root(leaves[index], way)]


@given(st.integers(1, LAST))
def test_the_proof_of_every_event_holds(position: int) -> None:
    proof = SAMPLE.proof(position)
    checked = check(proof.encode())
    assert (checked.fault, checked.proof) == ("", proof)


@given(st.integers(1, LAST), st.data())
def test_a_proof_with_any_byte_changed_does_not_hold(position: int, data: st.DataObject) -> None:
    file = bytearray(SAMPLE.proof(position).encode())
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= data.draw(st.integers(1, 255))
    assert check(bytes(file)).fault


@given(st.integers(1, LAST), st.integers(1, LAST))
def test_a_proof_does_not_serve_another_position(position: int, other: int) -> None:
    proof = SAMPLE.proof(position)
    moved = replace(proof, event=replace(proof.event, position=other))
    assert bool(check(moved.encode()).fault) == (position != other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"state": b"{}"}, "the event at 10: not what was recorded"),
        ({"stream_id": UUID(int=5)}, "the event at 10: not what was recorded"),
        ({"path": []}, "the event at 10: its path has 0 steps"),
        ({"position": 99}, "the event at 99: its entry holds 7 to 13"),
    ],
)
def test_a_fault_names_the_event(change: dict[str, object], told: str) -> None:
    proof = SAMPLE.proof(10)
    assert check(replace(proof, event=replace(proof.event, **change)).encode()).fault.startswith(told)


def test_a_fault_names_the_entry() -> None:
    proof = SAMPLE.proof(10)
    later = replace(proof, entry=replace(proof.entry, recorded_at=proof.entry.recorded_at + 1))
    assert check(later.encode()).fault == "the entry that ends at 13: its hash is not that of its fields"


@pytest.mark.parametrize("file", [b"", b"{}", b"\xff", b"[1]", msgspec.json.encode({"format": "aetherius.proof.v2"})])
def test_what_is_no_proof_is_refused(file: bytes) -> None:
    assert check(file).fault.startswith("not a proof")


def test_the_format_of_today_is_the_format_for_ever() -> None:
    assert sha256(SAMPLE.proof(10).encode()).hexdigest() == (
        "96150b11924e48acc08faeff5a7e5e1508894c08fef1a3394701a2da82485fcd"
    )
