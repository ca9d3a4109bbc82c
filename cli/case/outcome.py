"""What came of a case, read from its log: reports, incidents, diagnoses and proposals, each in the order of their first event."""

from __future__ import annotations

from uuid import UUID

import msgspec

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Recorded
from aetherius.domain.incident import Diagnosed, Incident, Opened, Resolved
from aetherius.domain.remediation import Proposed, RiskAssessed
from aetherius.event_store.memory import MemoryLog

_ALL = 1_000_000


class ReportOutcome(msgspec.Struct, frozen=True):
    """A report that the log took."""

    reason: str
    severity: str
    kind: str
    namespace: str
    name: str
    container: str


class IncidentOutcome(msgspec.Struct, frozen=True):
    """An incident as it stands at the end; `ended` is how it ended, empty while it has not."""

    kind: str
    namespace: str
    name: str
    symptom: str
    status: str
    ended: str
    reopened: int


class DiagnosisOutcome(msgspec.Struct, frozen=True):
    """A conclusion: the short code of its cause, with what was found."""

    name: str
    symptom: str
    root_cause: str
    confidence: float
    evidence: list[str]


class ProposalOutcome(msgspec.Struct, frozen=True):
    """What would be done, and whether by policy alone or after a person's yes."""

    action: str
    parameters: dict[str, object]
    approval: str
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """All of it. `refused`: reports that the rules of the log did not let in."""

    reports: list[ReportOutcome]
    incidents: list[IncidentOutcome]
    diagnoses: list[DiagnosisOutcome]
    proposals: list[ProposalOutcome]
    refused: list[str]


def outcome_of(log: MemoryLog, refused: list[str]) -> Outcome:
    """What the log holds."""
    events = log.read(0, _ALL)
    return Outcome(
        reports=[_report(each.event) for each in events if isinstance(each.event, Reported)],
        incidents=[_incident(log, each.stream_id) for each in events if isinstance(each.event, Opened)],
        diagnoses=[_diagnosis(log, each.stream_id, each.event) for each in events if isinstance(each.event, Diagnosed)],
        proposals=[_proposal(log, each, each.event) for each in events if isinstance(each.event, Proposed)],
        refused=refused,
    )


def _report(report: Reported) -> ReportOutcome:
    labels = report.labels
    return ReportOutcome(
        report.reason, report.severity.value, labels.kind, report.namespace, labels.name, report.raw_data.container
    )


def _incident(log: MemoryLog, incident_id: UUID) -> IncidentOutcome:
    incident = log.load(Incident, incident_id)
    subject = incident.subject
    assert subject is not None, "it was opened"
    ends = [each.event.how for each in log.stream(incident_id) if isinstance(each.event, Resolved)]
    return IncidentOutcome(
        subject.kind,
        subject.namespace,
        subject.name,
        incident.symptom or "",
        incident.status.value,
        "" if incident.active else ends[-1],
        incident.reopened,
    )


def _diagnosis(log: MemoryLog, incident_id: UUID, diagnosed: Diagnosed) -> DiagnosisOutcome:
    incident = log.load(Incident, incident_id)
    assert incident.opened is not None, "it was diagnosed"
    findings = [each.finding for each in diagnosed.evidence]
    return DiagnosisOutcome(
        incident.opened.name, incident.symptom or "", diagnosed.root_cause, diagnosed.confidence, findings
    )


def _proposal(log: MemoryLog, recorded: Recorded, proposed: Proposed) -> ProposalOutcome:
    risks = [each.event for each in log.stream(recorded.stream_id) if isinstance(each.event, RiskAssessed)]
    approval = "person" if any(each.approval_required for each in risks) else "policy"
    return ProposalOutcome(proposed.action, dict(proposed.parameters), approval, proposed.reason)
