"""What workflows wait for, as rows: an answer, a person's yes, a time. Whatever a queue loses can so be asked for again. And which limits were raised before."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from aetherius.readers.state_tables.table import StateTable


class Wakeup(msgspec.Struct, frozen=True):
    """When time alone will move a workflow on."""

    workflow_id: UUID
    step_id: str
    wakes_at: datetime


class OpenAnalysis(msgspec.Struct, frozen=True):
    """A question that awaits its answer."""

    analysis_id: UUID
    cluster_id: str


class ApprovalDeadline(msgspec.Struct, frozen=True):
    """Until when a person may say yes to a repair."""

    remediation_id: UUID
    deadline: datetime


class RaisedLimit(msgspec.Struct, frozen=True):
    """What is done to an object without asking only once (its limit was raised): which remediation did it, or is the latest that tries to."""

    workload: str
    remediation_id: UUID


class Awaited(NamedTuple):
    """The driver's tables."""

    wakeups: StateTable[UUID, Wakeup]
    analyses: StateTable[UUID, OpenAnalysis]
    approvals: StateTable[UUID, ApprovalDeadline]
    raised: StateTable[str, RaisedLimit]
