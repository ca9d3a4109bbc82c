"""The state tables of the orchestrator's process managers: on PostgreSQL in a service, in memory in tests."""

from __future__ import annotations

from typing import NamedTuple

from aetherius.domain.brake import Admission
from aetherius.event_store.memory import MemoryLog
from aetherius.orchestrator.correlation.correlated_subjects import CorrelatedSubject, SubjectTable
from aetherius.orchestrator.correlation.shared_causes import Suspicion, SuspicionTable
from aetherius.orchestrator.remediation.admissions import AdmissionTable
from aetherius.orchestrator.remediation.track_records import RecordRow, RecordTable
from aetherius.orchestrator.workflow.awaited import ApprovalDeadline, Awaited, OpenAnalysis, RaisedLimit, Wakeup
from aetherius.readers.state_tables.memory import MemoryTable
from aetherius.readers.state_tables.postgres import PostgresTable


class StateTables(NamedTuple):
    """All of them."""

    subjects: SubjectTable
    suspicions: SuspicionTable
    awaited: Awaited
    admissions: AdmissionTable
    records: RecordTable


def on_postgres() -> StateTables:
    """Those that `migrations/` makes."""
    return StateTables(
        PostgresTable("correlated_subjects", CorrelatedSubject),
        PostgresTable("shared_causes", Suspicion),
        Awaited(
            PostgresTable("workflow_wakeups", Wakeup),
            PostgresTable("open_analyses", OpenAnalysis),
            PostgresTable("approval_deadlines", ApprovalDeadline),
            PostgresTable("raised_limits", RaisedLimit),
        ),
        PostgresTable("repair_admissions", Admission),
        PostgresTable("repair_records", RecordRow),
    )


def in_memory(log: MemoryLog) -> StateTables:
    """Empty ones, written with the transactions of a log in memory."""
    return StateTables(
        MemoryTable(log, CorrelatedSubject),
        MemoryTable(log, Suspicion),
        Awaited(
            MemoryTable(log, Wakeup),
            MemoryTable(log, OpenAnalysis),
            MemoryTable(log, ApprovalDeadline),
            MemoryTable(log, RaisedLimit),
        ),
        MemoryTable(log, Admission),
        MemoryTable(log, RecordRow),
    )
