"""An incident: a degradation with an onset, from the first sign to its end."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event
from aetherius.domain.fault.subject import Subject
from aetherius.domain.identity import stable_id
from aetherius.domain.wire.analysis import Evidence
from aetherius.domain.wire.event import Severity
from aetherius.domain.words import CauseCode, Symptom


class IncidentStatus(enum.StrEnum):
    """Where an incident is. `mitigated`: users are served again, the thing itself is still broken."""

    NEW = "new"
    OPEN = "open"
    DIAGNOSED = "diagnosed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class Opened(Event, stream="Incident", frozen=True, kw_only=True):
    """The first sign. The stream's id is derived from subject and onset, so a duplicate is a conflict."""

    cluster_id: str
    namespace: str
    kind: str
    name: str
    symptom: Symptom
    severity: Severity
    reason: str
    message: str
    onset: datetime
    event_id: UUID
    pod: str = ""
    container: str = ""
    node: str = ""


class EventsCorrelated(Event, stream="Incident", frozen=True, kw_only=True):
    """More signs of the same trouble were folded in: one event per incident and batch."""

    count: int
    ids: list[UUID]
    reasons: list[str]
    pods: list[str] = []
    """That showed it, in order of last sight."""


class Reclassified(Event, stream="Incident", frozen=True, kw_only=True):
    """It is another symptom than it looked like."""

    symptom: Symptom
    reason: str


class Escalated(Event, stream="Incident", frozen=True, kw_only=True):
    """The degradation got worse."""

    severity: Severity
    reason: str


class Suppressed(Event, stream="Incident", frozen=True, kw_only=True):
    """Nothing is to be done about it (a silence, a maintenance window)."""

    reason: str


class Acknowledged(Event, stream="Incident", frozen=True, kw_only=True):
    """A person has seen it."""

    by: str


class Diagnosed(Event, stream="Incident", frozen=True, kw_only=True):
    """An analysis concluded; `unknown` too."""

    analysis_id: UUID
    root_cause: CauseCode
    confidence: float
    summary: str
    evidence: list[Evidence]


class Mitigated(Event, stream="Incident", frozen=True, kw_only=True):
    """A repair was verified."""

    remediation_id: UUID
    summary: str


class Resolved(Event, stream="Incident", frozen=True, kw_only=True):
    """The end.

    `how` is `repaired`, `recovered` (by itself, or by somebody's hand), `gone` (with what it was about), `silent` (it showed itself no more; why is not
    known) or `manual`.
    """

    how: str
    summary: str


class Reopened(Event, stream="Incident", frozen=True, kw_only=True):
    """The same trouble is back soon after the end."""

    event_id: UUID
    reason: str


class Doubted(Event, stream="Incident", frozen=True, kw_only=True):
    """A sign came that the analysis had not seen and that tells more, and nothing was done so far: it is looked into once more."""

    reason: str


class Linked(Event, stream="Incident", frozen=True, kw_only=True):
    """It is part of a larger trouble: one that many have in common. While that goes on it is not repaired by itself."""

    parent_id: UUID
    reason: str


class Incident(Aggregate):
    """One incident, and the rules of its life."""

    stream = "Incident"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.status = IncidentStatus.NEW
        self.opened: Opened | None = None
        self.severity = Severity.LOW
        self.symptom: str | None = None
        self.event_count = 0
        self.reasons: set[str] = set()
        self.pods: dict[str, None] = {}
        """Pods that showed the symptom since it was opened (again), in order of last sight."""
        self.reopened = 0
        self.root_cause: str | None = None
        self.suppressed = ""
        """Why nothing is to be done about it; empty otherwise."""
        self.looks = 0
        """How often it was looked into once more, since it was opened (again)."""
        self.part_of: UUID | None = None
        """The incident of what it has in common with others."""
        self.remediation_id: UUID | None = None
        """The remediation that mitigated it."""

    @staticmethod
    def id_of(subject: Subject, onset: datetime) -> UUID:
        """Stream of the incident that this subject has since this onset."""
        return stable_id("Incident", subject.key, onset.isoformat())

    @property
    def subject(self) -> Subject | None:
        """What it is about; None before it is opened."""
        if self.opened is None or self.symptom is None:
            return None
        return Subject(
            cluster_id=self.opened.cluster_id,
            namespace=self.opened.namespace,
            kind=self.opened.kind,
            name=self.opened.name,
            symptom=self.opened.symptom,
        )

    @property
    def active(self) -> bool:
        """Open in the wide sense: not yet resolved."""
        return self.status not in (IncidentStatus.NEW, IncidentStatus.RESOLVED)

    def open(self, opened: Opened, at: datetime) -> None:
        """Open it. Raises ``WrongStateError`` when it is open already."""
        if self.status is not IncidentStatus.NEW:
            raise WrongStateError(f"incident {self.id}", self.status, "open")
        self.record(opened, at)

    def correlate(self, ids: Sequence[UUID], reasons: Sequence[str], pods: Sequence[str], at: datetime) -> None:
        """Fold further signs in, in the order of their arrival."""
        if ids:
            last_seen = reversed(dict.fromkeys(pod for pod in reversed(pods) if pod))
            more = EventsCorrelated(count=len(ids), ids=list(ids), reasons=sorted(set(reasons)), pods=list(last_seen))
            self.record(more, at)

    def escalate(self, severity: Severity, reason: str, at: datetime) -> None:
        """Raise the severity; does nothing when it would not rise."""
        if severity.rank > self.severity.rank:
            self.record(Escalated(severity=severity, reason=reason), at)

    def reclassify(self, symptom: str, reason: str, at: datetime) -> bool:
        """It is another symptom than it looked like; False when that is known, or it is over."""
        if not self.active or symptom == self.symptom:
            return False
        self.record(Reclassified(symptom=symptom, reason=reason), at)
        return True

    def suppress(self, reason: str, at: datetime) -> bool:
        """Have nothing done about it, for a reason that is given; False when it is suppressed for this reason already, or over."""
        if not self.active or not reason or reason == self.suppressed:
            return False
        self.record(Suppressed(reason=reason), at)
        return True

    def doubt(self, reason: str, at: datetime) -> bool:
        """Have it looked into once more; False unless there is a diagnosis that nothing came of."""
        if self.status is not IncidentStatus.DIAGNOSED:
            return False
        self.record(Doubted(reason=reason), at)
        return True

    def link(self, parent_id: UUID, reason: str, at: datetime) -> bool:
        """It is part of another one; False when it is known to be part of one, or over. The first that was found stands."""
        if not self.active or self.part_of is not None or parent_id == self.id:
            return False
        self.record(Linked(parent_id=parent_id, reason=reason), at)
        return True

    def acknowledge(self, by: str, at: datetime) -> None:
        """A person takes note. Raises ``WrongStateError`` when it is over."""
        self._must_be_active("acknowledge")
        self.record(Acknowledged(by=by), at)

    def diagnose(self, diagnosis: Diagnosed, at: datetime) -> bool:
        """Take a diagnosis; False when the incident is over already."""
        if not self.active:
            return False
        self.record(diagnosis, at)
        return True

    def mitigate(self, remediation_id: UUID, summary: str, at: datetime) -> bool:
        """Note a verified repair; False when the incident is over or mitigated already."""
        if not self.active or self.status is IncidentStatus.MITIGATED:
            return False
        self.record(Mitigated(remediation_id=remediation_id, summary=summary), at)
        return True

    def resolve(self, how: str, summary: str, at: datetime) -> bool:
        """End it; False when it has ended already."""
        if not self.active:
            return False
        self.record(Resolved(how=how, summary=summary), at)
        return True

    def reopen(self, event_id: UUID, reason: str, at: datetime) -> None:
        """The trouble is back. Raises ``WrongStateError`` when it is not over."""
        if self.status is not IncidentStatus.RESOLVED:
            raise WrongStateError(f"incident {self.id}", self.status, "reopen")
        self.record(Reopened(event_id=event_id, reason=reason), at)

    def evolve(self, event: Event) -> None:
        match event:
            case Opened():
                self._evolve_opened(event)
            case EventsCorrelated():
                self.event_count += event.count
                self.reasons.update(event.reasons)
                self.pods = {pod: None for pod in self.pods if pod not in event.pods} | dict.fromkeys(event.pods)
            case Reclassified():
                self.symptom = event.symptom
            case Escalated():
                self.severity = event.severity
            case Suppressed():
                self.suppressed = event.reason
            case Diagnosed():
                self.status, self.root_cause = IncidentStatus.DIAGNOSED, event.root_cause
            case Mitigated():
                self.status, self.remediation_id = IncidentStatus.MITIGATED, event.remediation_id
            case Resolved():
                self.status = IncidentStatus.RESOLVED
            case Reopened():
                self.status = IncidentStatus.OPEN
                self.reopened += 1
                self.pods, self.part_of, self.looks = {}, None, 0
            case Doubted():
                self.status = IncidentStatus.OPEN
                self.looks += 1
            case Linked():
                self.part_of = event.parent_id
            case _:
                pass

    def _evolve_opened(self, event: Opened) -> None:
        self.status, self.opened = IncidentStatus.OPEN, event
        self.severity, self.symptom = event.severity, event.symptom
        self.event_count = 1
        self.reasons.add(event.reason)
        if event.pod:
            self.pods[event.pod] = None

    def _must_be_active(self, command: str) -> None:
        if not self.active:
            raise WrongStateError(f"incident {self.id}", self.status, command)
