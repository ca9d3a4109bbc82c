"""Which numbers are missing: laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aetherius.agent_manager.fleet.gaps import MAX_HOLES, Sequence

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LATER = T0 + timedelta(days=1)


def missing(sequence: Sequence) -> set[int]:
    return {number for hole in sequence.holes for number in range(hole.first, hole.last + 1)}


def seen(numbers: list[int]) -> Sequence:
    sequence = Sequence()
    for number in numbers:
        sequence.see(number, T0)
    return sequence


@given(st.lists(st.integers(1, 60)))
def test_what_is_missing_is_what_did_not_come_below_the_highest(numbers: list[int]) -> None:
    assert missing(seen(numbers)) == set(range(1, max(numbers, default=0))) - set(numbers)


@given(st.lists(st.integers(1, 60)), st.randoms())
def test_the_order_and_repeats_change_nothing(numbers: list[int], random: Random) -> None:
    shuffled = numbers * 2
    random.shuffle(shuffled)
    assert missing(seen(shuffled)) == missing(seen(numbers))
    assert seen(shuffled).next == seen(numbers).next


@given(st.lists(st.integers(1, 60)))
def test_holes_are_in_order_apart_and_not_empty(numbers: list[int]) -> None:
    holes = seen(numbers).holes
    assert all(hole.first <= hole.last for hole in holes)
    assert all(left.last + 1 < right.first for left, right in pairwise(holes))


@given(st.lists(st.integers(1, 60)), st.lists(st.integers(1, 60)))
def test_what_was_told_is_not_told_again(before: list[int], after: list[int]) -> None:
    sequence = seen(before)
    told = {number for hole in sequence.told(LATER) for number in range(hole.first, hole.last + 1)}
    for number in after:
        sequence.see(number, T0)
    assert not missing(sequence) & told
    assert missing(sequence) == set(range(1, max([*before, *after], default=0))) - set(before) - set(after) - told


def test_a_young_hole_is_waited_for() -> None:
    sequence = seen([1, 3])
    assert sequence.told(T0) == []
    assert [(hole.first, hole.last) for hole in sequence.told(LATER)] == [(2, 2)]


def test_holes_are_bounded_the_lowest_are_told_early() -> None:
    sequence = seen(list(range(2, 2 * MAX_HOLES + 20, 2)))
    told = sequence.told(T0)
    assert len(sequence.holes) == MAX_HOLES
    assert told[0].first == 1
    assert told[-1].last < sequence.holes[0].first


def test_a_jump_of_any_size_is_one_hole() -> None:
    assert len(seen([1, 2**53]).holes) == 1
