"""What every table of state rows promises to the process manager that keeps it, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from aetherius.event_store.errors import CheckpointConflictError, VersionConflictError
from aetherius.orchestrator.correlation.correlated_subjects import CorrelatedSubject
from aetherius.orchestrator.state_tables import StateTables
from aetherius.orchestrator.workflow.awaited import ApprovalDeadline, OpenAnalysis, RaisedLimit, Wakeup
from event_builders import a_gap
from state_table_site import TableSite

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in (1, 2, 3))

Case = tuple[Callable[[StateTables], Any], list[Any], Any]
CASES: dict[str, Case] = {
    "subjects": (
        lambda tables: tables.subjects,
        [
            CorrelatedSubject("a", A),
            CorrelatedSubject("b/ü", B, {"web-2", "web-1"}, NOON, NOON - timedelta(hours=1)),
        ],
        CorrelatedSubject("a", C, {"web-3"}, None, NOON),
    ),
    "wakeups": (
        lambda tables: tables.awaited.wakeups,
        [Wakeup(A, "settle", NOON), Wakeup(B, "settle", NOON)],
        Wakeup(A, "grace", NOON + timedelta(seconds=1)),
    ),
    "analyses": (
        lambda tables: tables.awaited.analyses,
        [OpenAnalysis(A, "north"), OpenAnalysis(B, "south")],
        OpenAnalysis(A, "east"),
    ),
    "approvals": (
        lambda tables: tables.awaited.approvals,
        [ApprovalDeadline(A, NOON), ApprovalDeadline(B, NOON)],
        ApprovalDeadline(A, NOON + timedelta(days=1)),
    ),
    "raised": (
        lambda tables: tables.awaited.raised,
        [RaisedLimit("north/shop/Deployment/web", A), RaisedLimit("north/shop/Deployment/api", B)],
        RaisedLimit("north/shop/Deployment/web", C),
    ),
}


def key(row: Any) -> Any:
    return getattr(row, row.__struct_fields__[0])


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_rows_come_back_as_they_were_put(site: TableSite, case: Case) -> None:
    table, rows = case[0](site.tables), case[1]
    site.commit(lambda unit: table.put(unit, *rows))
    assert site.kept(table, *map(key, rows)) == rows


def test_only_the_rows_that_were_asked_for_come_and_each_once(site: TableSite, case: Case) -> None:
    table, (first, second) = case[0](site.tables), case[1]
    site.commit(lambda unit: table.put(unit, first, second))
    assert table.of(site.unit(), [key(second), key(second)]) == [second]
    assert table.of(site.unit(), []) == []


def test_a_row_takes_the_place_of_the_one_with_its_key(site: TableSite, case: Case) -> None:
    table, rows, changed = case[0](site.tables), case[1], case[2]
    site.commit(lambda unit: table.put(unit, *rows))
    site.commit(lambda unit: table.put(unit, changed))
    assert site.kept(table, *map(key, rows)) == [changed, rows[1]]


def test_of_two_rows_with_one_key_in_a_batch_the_later_is_kept(site: TableSite, case: Case) -> None:
    table, rows, changed = case[0](site.tables), case[1], case[2]
    site.commit(lambda unit: table.put(unit, rows[0]), lambda unit: table.put(unit, changed))
    assert site.kept(table, key(changed)) == [changed]


def test_a_dropped_row_is_gone_and_dropping_nothing_does_nothing(site: TableSite, case: Case) -> None:
    table, rows = case[0](site.tables), case[1]
    site.commit(lambda unit: table.put(unit, *rows))
    site.commit(lambda unit: table.drop(unit, key(rows[0])), lambda unit: table.drop(unit, key(rows[0])))
    assert site.kept(table, *map(key, rows)) == [rows[1]]


def test_what_is_dropped_and_put_in_one_batch_happens_in_that_order(site: TableSite, case: Case) -> None:
    table, rows, changed = case[0](site.tables), case[1], case[2]
    site.commit(lambda unit: table.put(unit, rows[0]))
    site.commit(lambda unit: table.drop(unit, key(changed)), lambda unit: table.put(unit, changed))
    assert site.kept(table, key(changed)) == [changed]


def test_no_rows_are_no_change(site: TableSite, case: Case) -> None:
    table, rows = case[0](site.tables), case[1]
    site.commit(lambda unit: table.put(unit))
    assert site.kept(table, *map(key, rows)) == []


def test_a_batch_reads_what_was_there_before_it(site: TableSite, case: Case) -> None:
    table, rows, changed = case[0](site.tables), case[1], case[2]
    site.commit(lambda unit: table.put(unit, rows[0]))
    unit = site.unit()
    table.put(unit, changed)
    assert table.of(unit, [key(changed)]) == [rows[0]]


def test_a_row_that_changes_after_it_was_put_or_read_is_kept_as_it_was(site: TableSite) -> None:
    table, subject = site.tables.subjects, CorrelatedSubject("a", A, {"web-1"})

    def put(unit: Any) -> None:
        table.put(unit, subject)
        subject.failing.add("web-2")

    site.commit(put)
    (kept,) = table.of(site.unit(), ["a"])
    assert kept.failing == {"web-1"}
    kept.failing.clear()
    assert site.kept(table, "a") == [CorrelatedSubject("a", A, {"web-1"})]


def test_rows_of_a_batch_that_lost_a_race_are_not_kept(site: TableSite, case: Case) -> None:
    table, rows, changed = case[0](site.tables), case[1], case[2]
    site.commit(lambda unit: table.put(unit, rows[0]))
    taken = a_gap("north")
    site.commit(pending=[taken])
    with pytest.raises(VersionConflictError):
        site.commit(lambda unit: table.put(unit, changed), lambda unit: table.drop(unit, key(rows[1])), pending=[taken])
    assert site.kept(table, *map(key, rows)) == [rows[0]]


def test_rows_of_a_batch_that_another_replica_has_done_are_not_kept(site: TableSite, case: Case) -> None:
    table, rows = case[0](site.tables), case[1]
    unit = site.unit()
    table.put(unit, *rows)
    site.log.transact("keeper", 1, after=0)
    with pytest.raises(CheckpointConflictError):
        site.log.transact("keeper", 1, (), unit.write, after=0)
    assert site.kept(table, *map(key, rows)) == []


def test_each_table_keeps_its_own_rows(site: TableSite) -> None:
    id = uuid4()
    site.commit(lambda unit: site.tables.awaited.analyses.put(unit, OpenAnalysis(id, "north")))
    assert site.kept(site.tables.awaited.approvals, id) == []


def test_every_table_is_tried_here(site: TableSite) -> None:
    tried = [id(table_of(site.tables)) for table_of, *_ in CASES.values()]
    assert sorted(tried) == sorted(map(id, [site.tables.subjects, *site.tables.awaited]))
