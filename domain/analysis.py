"""An analysis: what was asked of the reasoner, and what it concluded."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Event
from aetherius.domain.wire.analysis import Recommendation, RootCause
from aetherius.domain.words import CauseCode


class Requested(Event, stream="Analysis", frozen=True, kw_only=True):
    """A workflow asks. `inputs` names the commands whose outputs are the evidence, by step id."""

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    cluster_id: str
    inputs: dict[str, UUID]
    min_confidence: float = 0.6


class Completed(Event, stream="Analysis", frozen=True, kw_only=True):
    """The reasoner's answer; `unknown` is an answer."""

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    root_cause: CauseCode
    detail: RootCause
    recommendations: list[Recommendation] = []
    reasoner: str
    """Which reasoner answered: name and version."""


class Failed(Event, stream="Analysis", frozen=True, kw_only=True):
    """No answer: the reasoner broke or took too long."""

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    error: str


class AnalysisStatus(enum.StrEnum):
    """Where an analysis is."""

    NEW = "new"
    REQUESTED = "requested"
    COMPLETED = "completed"
    FAILED = "failed"


class Analysis(Aggregate):
    """One question and its answer."""

    stream = "Analysis"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.status = AnalysisStatus.NEW
        self.request: Requested | None = None
        self.completed: Completed | None = None

    def ask(self, request: Requested, at: datetime) -> None:
        """Ask; a repeat does nothing."""
        if self.status is AnalysisStatus.NEW:
            self.record(request, at)

    def answer(self, answer: Completed | Failed, at: datetime) -> bool:
        """Take the answer; False when there is one already."""
        if self.status is not AnalysisStatus.REQUESTED:
            return False
        self.record(answer, at)
        return True

    def evolve(self, event: Event) -> None:
        match event:
            case Requested():
                self.request, self.status = event, AnalysisStatus.REQUESTED
            case Completed():
                self.completed, self.status = event, AnalysisStatus.COMPLETED
            case Failed():
                self.status = AnalysisStatus.FAILED
            case _:
                pass
