"""What only a log in memory can do: tables of its own, a clock, and a restore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aetherius.event_store.errors import AnotherTimelineError, PositionAheadError
from aetherius.event_store.memory import MemoryLog
from event_builders import a_gap

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_its_clock_is_the_one_it_is_given_and_never_stands_still() -> None:
    with MemoryLog(clock=lambda: NOON) as log:
        log.append([a_gap("c1")])
        log.append([a_gap("c1")])
        assert NOON == log.recorded_at(1) < log.recorded_at(2)


def test_a_table_that_was_changed_in_vain_is_as_it_was() -> None:
    log = MemoryLog()
    table = log.table()
    table["kept"] = 1

    def write(_: Any) -> None:
        table.update(kept=2, new=3)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        log.transact("p", 1, rows=write)
    assert table == {"kept": 1}


def test_a_cursor_that_is_asked_for_sql_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="tables of its own"):
        MemoryLog().transact("p", 1, rows=lambda cursor: cursor.execute("SELECT 1"))  # type: ignore[arg-type]


def test_a_restore_loses_what_came_after_and_is_noticed() -> None:
    log = MemoryLog()
    log.append([a_gap("c1"), kept := a_gap("c1")])
    log.append([lost := a_gap("c1")])
    timeline, incarnation = log.check(3), log.incarnation
    log.restore(2)
    assert (log.head(), log.stream(lost.stream_id), len(log.stream(kept.stream_id))) == (2, [], 1)
    assert log.incarnation > incarnation
    with pytest.raises(PositionAheadError):
        log.check(3)
    log.append([a_gap("c1")])
    with pytest.raises(AnotherTimelineError):
        log.check(3, timeline)
    assert log.check(2, timeline) != timeline
