"""How containers ended, read from what kubectl prints."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aetherius.domain.diagnosis.termination import Termination, terminations_in
from evidence_builders import NOON, described, ended


def found(text: str) -> list[Termination]:
    return list(terminations_in("look", text))


def test_an_end_is_read_with_all_that_is_told_of_it() -> None:
    assert found(described(app=ended("Last State", "OOMKilled", 137))) == [
        Termination(step="look", container="app", reason="OOMKilled", exit_code=137, finished=NOON, present=False)
    ]


def test_of_a_container_the_present_state_comes_last_though_it_is_printed_first() -> None:
    states = ended("State", "Error", 1) + ended("Last State", "OOMKilled", 137)
    assert [(each.reason, each.present) for each in found(described(app=states))] == [
        ("OOMKilled", False),
        ("Error", True),
    ]


def test_each_container_has_its_own_ends() -> None:
    text = described(app=ended("Last State", "Error", 1), proxy=ended("Last State", "OOMKilled", 137))
    assert [(each.container, each.exit_code) for each in found(text)] == [("app", 1), ("proxy", 137)]


def test_an_end_without_a_container_is_one_of_nobody_knows_which() -> None:
    assert [each.container for each in found(ended("Last State", "Error", 1))] == [""]


def test_what_stands_under_another_title_is_not_of_the_state() -> None:
    text = "    Last State:  Terminated\n      Exit Code:  3\n    Limits:\n      Reason:  memory\n      Exit Code:  4\n"
    (end,) = found(text)
    assert (end.reason, end.exit_code) == ("Error", 3)


def test_the_first_of_two_fields_of_a_name_counts() -> None:
    text = "    Last State:  Terminated\n      Exit Code:  3\n      Exit Code:  4\n      Reason:  A\n      Reason:  B\n"
    (end,) = found(text)
    assert (end.reason, end.exit_code) == ("A", 3)


@pytest.mark.parametrize(
    "line",
    ["  Name:  other", "  :", "    other:", "  other: x"],
)
def test_a_line_that_names_no_container_leaves_it_as_it_was(line: str) -> None:
    text = "  app:\n" + line + "\n" + ended("Last State", "Error", 1)
    assert [each.container for each in found(text)] == ["app"]


def test_a_field_before_any_state_is_nothing() -> None:
    assert found("      Exit Code:  3\n") == []


@pytest.mark.parametrize("state", ["Running", "Waiting", "terminated", ""])
def test_a_state_that_is_no_end_is_none(state: str) -> None:
    assert found(f"    State:  {state}\n      Exit Code:  3\n") == []


@pytest.mark.parametrize("code", ["", "x", "-1", "1.5", "12345678901"])
def test_an_end_without_a_code_is_none(code: str) -> None:
    assert found(ended("Last State", "Error", code)) == []


def test_a_code_of_ten_digits_is_read() -> None:
    assert [each.exit_code for each in found(ended("State", "Error", "1234567890"))] == [1234567890]


def test_an_end_without_a_reason_is_an_error() -> None:
    assert [each.reason for each in found(ended("State", "", 1))] == ["Error"]


@pytest.mark.parametrize(
    ("told", "finished"),
    [
        ("Mon, 23 Nov 2026 13:00:00 +0100", NOON),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_is_read_where_it_is_one(told: str, finished: datetime | None) -> None:
    (end,) = found(ended("Last State", "Error", 1, told))
    assert end.finished == finished


def test_a_time_that_does_not_stand_there_is_not_known() -> None:
    (end,) = found("    Last State:  Terminated\n      Exit Code:  3\n")
    assert end.finished is None


def test_times_are_told_in_utc() -> None:
    (end,) = found(ended("Last State", "Error", 1, "Mon, 23 Nov 2026 13:00:00 +0100"))
    assert end.finished is not None
    assert end.finished.tzinfo is UTC
