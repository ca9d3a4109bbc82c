"""The states of a reader, as they are drawn in `readers/course.py`."""

from __future__ import annotations

from itertools import product

import pytest

from aetherius.event_store.errors import PositionAheadError
from aetherius.readers.control import Order
from aetherius.readers.course import Course, may_follow
from aetherius.readers.state import ReaderStatus

S = ReaderStatus
GO, PAUSE, RESUMED = Order(), Order(paused=True), Order(resumes=1)
AT_WORK = (S.STARTING, S.RUNNING, S.WAITING, S.BACKING_OFF, S.AHEAD)


def a_course(status: ReaderStatus) -> Course:
    course = Course("r")
    match status:
        case S.RUNNING:
            course.moved(5)
        case S.WAITING:
            course.found_nothing(5)
        case S.BACKING_OFF:
            course.refused(5, "away")
        case S.AHEAD:
            course.is_ahead(PositionAheadError(5, 3))
        case S.PARKED:
            course.park(5, None, ValueError("poison"), GO)
        case S.PAUSED:
            course.stands_still(PAUSE)
        case S.STARTING:
            pass
    assert course.status is status
    return course


@pytest.mark.parametrize(("before", "after"), [*product(AT_WORK, [each for each in S if each is not S.STARTING])])
def test_at_work_every_state_but_the_first_may_follow_any(before: ReaderStatus, after: ReaderStatus) -> None:
    assert may_follow(before, after)


@pytest.mark.parametrize(("before", "after"), [*product((S.PARKED, S.PAUSED), S)])
def test_what_stands_still_is_only_left_to_start_again(before: ReaderStatus, after: ReaderStatus) -> None:
    assert may_follow(before, after) is (after is S.STARTING)


@pytest.mark.parametrize("status", list(S))
def test_nothing_at_work_starts_twice(status: ReaderStatus) -> None:
    assert may_follow(status, S.STARTING) is (status in (S.PARKED, S.PAUSED))


def test_a_step_that_is_not_in_the_drawing_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="r: parked -> running"):
        a_course(S.PARKED).moved(6)


@pytest.mark.parametrize("status", AT_WORK)
def test_an_order_to_pause_is_obeyed_at_work_and_so_is_the_one_to_go_on(status: ReaderStatus) -> None:
    course = a_course(status)
    assert not course.stands_still(GO)
    assert course.stands_still(PAUSE)
    assert course.status is S.PAUSED
    assert course.stands_still(PAUSE)
    assert not course.stands_still(RESUMED)
    assert course.state.status is S.STARTING


def test_a_parked_reader_goes_on_for_a_new_order_only() -> None:
    course = Course("r")
    course.park(5, None, ValueError("poison"), RESUMED)
    assert course.stands_still(RESUMED), "it came before"
    assert course.status is S.PARKED
    assert not course.stands_still(Order(resumes=2))
    assert course.state.status is S.STARTING


def test_a_pause_that_is_ordered_while_it_is_parked_leaves_it_parked() -> None:
    course = a_course(S.PARKED)
    assert course.stands_still(Order(paused=True, resumes=1))
    assert course.status is S.PARKED


def test_pauses_grow_while_the_world_refuses_and_end_with_the_first_success() -> None:
    course, pauses = Course("r"), []
    for _ in range(12):
        course.refused(0, "away")
        pauses.append(course.pause)
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 10.0
    course.is_ahead(PositionAheadError(5, 3))
    assert course.pause == 10.0
    course.found_nothing(5)
    assert course.pause == 0.0


def test_what_is_told_of_it_says_where_and_why() -> None:
    assert a_course(S.BACKING_OFF).state.error == "away"
    assert a_course(S.PARKED).state.error == "the event after 5: ValueError: poison"
    assert a_course(S.AHEAD).state.position == 5
    assert a_course(S.RUNNING).state.error == ""
