"""The spool: order, numbers without gaps, each thing once, and what happens when it is full or the machine fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.wire.event import EventMessage, Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.telling.observation import Observation
from aetherius.edge_agent.telling.spool import Spool

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Open = Callable[..., Spool]


@pytest.fixture
def open_spool(tmp_path: Path) -> Open:
    """Opens the spool as an agent's start does; the one before is left as a killed agent leaves it."""

    def opened(limit: int = 10**6, boot_id: str = "boot-1") -> Spool:
        return Spool(Database(tmp_path / "agent.db"), limit, boot_id)

    return opened


def an_observation(number: int, **fields: Any) -> Observation:
    at = NOON + timedelta(seconds=number)
    defaults: dict[str, Any] = {
        "id": observation_id("c1", at, number),
        "cluster_id": "c1",
        "timestamp": at,
        "source": "kubelet",
        "severity": Severity.HIGH,
        "reason": "BackOff",
        "message": "m" * 100,
        "labels": Labels(kind="Pod", name="web"),
    }
    return Observation(**{**defaults, **fields})


def drained(spool: Spool, count: int = 100) -> list[EventMessage]:
    found: list[EventMessage] = []
    while batch := spool.take(count):
        events = [msgspec.json.decode(line, type=EventMessage) for line in batch.lines.splitlines()]
        assert [each.sequence for each in events][:: len(events) - 1 or 1][0] == batch.first
        assert (events[-1].sequence, len(events), events[0].epoch) == (batch.last, batch.count, batch.epoch)
        found += events
        spool.remove(batch)
    return found


def test_what_goes_in_comes_out_in_order_and_numbered(open_spool: Open) -> None:
    spool = open_spool()
    assert spool.add(an_observation(number) for number in range(250)) == 250
    events = drained(spool)
    assert [each.sequence for each in events] == list(range(1, 251))
    assert [each.timestamp for each in events] == sorted(each.timestamp for each in events)
    assert spool.waiting() == 0


def test_the_same_observation_is_taken_once_even_after_it_has_left(open_spool: Open) -> None:
    spool = open_spool()
    spool.add([an_observation(1)])
    drained(spool)
    assert spool.add([an_observation(1), an_observation(2)]) == 1
    assert [each.sequence for each in drained(spool)] == [2]


def test_a_killed_agent_goes_on_where_it_was(open_spool: Open) -> None:
    first = open_spool()
    first.add([an_observation(1), an_observation(2)])
    second = open_spool()
    assert (second.agent_id, second.epoch) == (first.agent_id, first.epoch)
    assert second.add([an_observation(2), an_observation(3)]) == 1
    assert [each.sequence for each in drained(second)] == [1, 2, 3]


def test_a_start_with_an_empty_spool_begins_a_new_epoch(open_spool: Open) -> None:
    first = open_spool()
    first.add([an_observation(1)])
    drained(first)
    second = open_spool()
    assert (second.epoch, second.last_sequence) == (first.epoch + 1, 0)
    second.add([an_observation(2)])
    assert [(each.epoch, each.sequence) for each in drained(second)] == [(2, 1)]


def test_after_a_loss_of_power_no_number_is_given_twice(open_spool: Open) -> None:
    first = open_spool()
    first.add([an_observation(1), an_observation(2)])
    batch = first.take(1)
    assert batch
    first.remove(batch)
    second = open_spool(boot_id="boot-2")
    events = drained(second)
    assert [(each.epoch, each.sequence) for each in events] == [(2, 1)]
    assert events[0].id == an_observation(2).id


def test_a_batch_fits_into_a_message(open_spool: Open) -> None:
    spool = open_spool(limit=10**8)
    spool.add(an_observation(number, message="x" * 16_000) for number in range(100))
    batch = spool.take(100)
    assert batch
    assert len(batch.lines) < 600_000
    assert batch.count < 100


def test_a_full_spool_drops_the_least_severe_oldest_and_leaves_a_gap(open_spool: Open) -> None:
    spool = open_spool(limit=20_000)
    for number in range(100):
        severity = Severity.CRITICAL if number % 10 == 0 else Severity.LOW
        spool.add([an_observation(number, severity=severity)])
    events = drained(spool)
    assert spool.dropped == 100 - len(events) > 0
    assert {each.sequence for each in events if each.severity is Severity.CRITICAL} == set(range(1, 101, 10))
    low = [each.sequence for each in events if each.severity is Severity.LOW]
    assert max(low) >= 99
    spool.add([an_observation(100)])
    assert drained(spool)[0].sequence == 101


def test_a_new_event_below_all_that_is_held_is_dropped_itself(open_spool: Open) -> None:
    spool = open_spool(limit=10**6)
    spool.add(an_observation(number, severity=Severity.CRITICAL) for number in range(10))
    held = spool.take(100)
    assert held
    spool = open_spool(limit=len(held.lines) + 50)
    spool.add([an_observation(11, severity=Severity.LOW)])
    assert [each.severity for each in drained(spool)] == [Severity.CRITICAL] * 10
    assert (spool.dropped, spool.last_sequence) == (1, 11)


def test_a_recovery_counts_only_after_a_failure_and_once(open_spool: Open) -> None:
    spool = open_spool()
    well = an_observation(2, reason="PodRecovered", uid="u", failing=False)
    assert spool.add([well]) == 0
    assert spool.add([an_observation(1, uid="u", failing=True), well]) == 2
    assert spool.add([an_observation(3, uid="u", failing=False)]) == 0


def test_that_an_object_fails_is_remembered_over_a_restart_until_it_is_gone(open_spool: Open) -> None:
    open_spool().add([an_observation(1, uid="u", failing=True), an_observation(2, uid="v", failing=True)])
    spool = open_spool()
    spool.forget(["v"])
    again = open_spool()
    assert again.add([an_observation(3, uid="u", failing=False), an_observation(4, uid="v", failing=False)]) == 1


def test_an_event_says_nothing_new_of_a_failing_object_that_is_known_or_gone(open_spool: Open) -> None:
    spool = open_spool()
    spool.add([an_observation(1, uid="u", failing=True)])
    spool.note_gone(["u"], now=5.0)
    spool.add(
        [an_observation(2, uid="u", failing=True, hearsay=True), an_observation(3, uid="v", failing=True, hearsay=True)]
    )
    assert {uid: found.gone_at for uid, found in spool.failing().items()} == {"u": 5.0, "v": None}


def test_a_failure_while_adding_adds_nothing(open_spool: Open) -> None:
    spool = open_spool()

    def broken() -> Any:
        yield an_observation(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        spool.add(broken())
    assert (spool.waiting(), spool.last_sequence) == (0, 0)
    spool.add([an_observation(1)])
    assert [each.sequence for each in drained(spool)] == [1]
