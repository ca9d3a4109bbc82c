"""The correlator: reports that are signs of trouble become incidents; further signs are folded in; a recovery ends what nobody had to repair.

A process manager over the whole of what clusters report. One `EventsCorrelated` an incident and batch, however many signs there were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, Recorded, topics_of
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.faults import Faults, end_told_by, shipped_faults
from aetherius.domain.fault.sharing.kinds import shipped_kinds
from aetherius.domain.fault.subject import Subject
from aetherius.domain.incident import Incident, IncidentStatus, Opened, Resolved
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.workflow.definition import ActionStep
from aetherius.domain.workflow.workflow import Workflow
from aetherius.orchestrator.correlation.correlated_subjects import CorrelatedSubject, CorrelatedSubjects, SubjectTable
from aetherius.orchestrator.correlation.shared_causes import SharedCauses, SuspicionTable
from aetherius.orchestrator.workflow.starter import workflow_of
from aetherius.readers.unit import Unit
from aetherius.runtime.clock import Clock

ACTOR = "system:correlator"
QUIET = timedelta(seconds=15)
"""A pod's signs from up to this long after the end are echoes (a back-off event of a pod on its way out), not a return."""
SILENCE = timedelta(hours=1)
"""Trouble of a workload that shows itself no more for so long (back-offs repeat every five minutes) has ended unseen: the next sign is another incident, and
is looked into anew. A lost node is silent, and is told to be back."""
MAX_FAILING = 1000
"""Pods of one subject whose end is awaited by name."""
_AND_MORE = "..."
"""Stands for the pods beyond that: no pod is called so, and so such an incident does not end by what is told of pods."""
_UNDER_REPAIR = frozenset(
    {RemediationStatus.APPROVED, RemediationStatus.EXECUTED, RemediationStatus.VERIFICATION_FAILED}
)


class Correlator:
    """Reports in, incidents out."""

    name = "incident_correlator"

    def __init__(
        self, clock: Clock, subjects: SubjectTable, suspicions: SuspicionTable, faults: Faults | None = None
    ) -> None:
        """`faults`: those that are looked for; all that the program ships with, if None."""
        self._clock, self._subjects, self._suspicions = clock, subjects, suspicions
        self._faults = faults or shipped_faults()

    @property
    def topics(self) -> Sequence[str]:
        """What clusters report, and the ends of incidents."""
        return topics_of((Reported, Resolved))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Fold a batch of reports into incidents."""
        _Batch(unit, self._clock(), batch, self._subjects, self._suspicions, self._faults).fold()


class _Batch:
    """The folding of one batch."""

    def __init__(
        self,
        unit: Unit,
        now: datetime,
        batch: Sequence[Recorded],
        subjects: SubjectTable,
        suspicions: SuspicionTable,
        faults: Faults,
    ) -> None:
        self._unit, self._now, self._batch, self._faults = unit, now, batch, faults
        self._signs: dict[UUID, list[Recorded]] = {}
        self._subjects = CorrelatedSubjects(unit, subjects, self._keys())
        self._shared = SharedCauses(unit, suspicions, now, shipped_kinds(), self._save)

    def fold(self) -> None:
        for recorded in self._batch:
            match recorded.event:
                case Reported() as report:
                    self._fold_report(recorded, report)
                case Resolved():
                    self._note_end(recorded)
                case _:
                    pass
        for incident_id in self._signs.copy():
            self._flush(incident_id)
        self._shared.store()
        self._subjects.store()

    def _keys(self) -> list[str]:
        keys: list[str] = []
        for recorded in self._batch:
            if isinstance(report := recorded.event, Reported):
                shown = self._faults.shown_by(report)
                subjects = [shown.subject_of(report)] if shown else self._faults.recoveries_of(report)
                keys += [subject.key for subject in subjects]
            elif subject := self._unit.get(Incident, recorded.stream_id).subject:
                keys.append(subject.key)
        return keys

    def _fold_report(self, recorded: Recorded, report: Reported) -> None:
        if shown := self._faults.shown_by(report):
            self._fold_sign(recorded, report, shown)
        else:
            for over in self._faults.ended_by(report):
                self._fold_recovery(recorded, report, over)

    def _fold_sign(self, recorded: Recorded, report: Reported, shown: Fault) -> None:
        subject = shown.subject_of(report)
        known = self._subjects.get(subject.key)
        at = self._last_seen(recorded, report)
        if known and not shown.told_to_end and _fell_silent(known, at):
            self._lapse(recorded, known)
        if known is None or (known.resolved_at and at > known.resolved_at + self._window(known, report, shown)):
            known = self._open(recorded, report, subject, at)
        else:
            if known.resolved_at and at > known.resolved_at + _echo(report):
                self._reopen(recorded, report, known)
            self._signs.setdefault(known.incident_id, []).append(recorded)
        if known.resolved_at is None and (name := shown.failing_of(report)):
            known.failing.add(name if name in known.failing or len(known.failing) < MAX_FAILING else _AND_MORE)
        known.last_sign = max(at, known.last_sign or at)
        self._subjects.put(known)
        incident = self._unit.get(Incident, known.incident_id)
        if incident.active:
            self._shared.suspect(recorded, report, shown, incident, at)

    def _last_seen(self, recorded: Recorded, report: Reported) -> datetime:
        """When it was so: a state that holds for long began long ago, and is seen now."""
        last = report.raw_data.last_timestamp
        seen = last if last and last.tzinfo else recorded.occurred_at
        return max(recorded.occurred_at, min(seen, self._now))

    def _window(self, known: CorrelatedSubject, report: Reported, shown: Fault) -> timedelta:
        ends = [each.event.how for each in self._unit.history(known.incident_id) if isinstance(each.event, Resolved)]
        return shown.reopens_within(
            report, self._unit.get(Incident, known.incident_id).reasons, next(reversed(ends), "")
        )

    def _lapse(self, recorded: Recorded, known: CorrelatedSubject) -> None:
        self._flush(known.incident_id)
        incident = self._unit.get(Incident, known.incident_id)
        if incident.resolve(
            "silent", f"no sign of it after {known.last_sign:%F %T} UTC, until there was another one", self._now
        ):
            self._save(incident, recorded)
        known.resolved_at = known.last_sign

    def _open(self, recorded: Recorded, report: Reported, subject: Subject, at: datetime) -> CorrelatedSubject:
        incident = self._unit.get(Incident, Incident.id_of(subject, recorded.occurred_at))
        if incident.status is IncidentStatus.RESOLVED:  # a state that began then, and is seen again
            incident = self._unit.get(Incident, Incident.id_of(subject, at))
        if incident.status is IncidentStatus.NEW:
            incident.open(_opened(recorded, report, subject), self._now)
            self._save(incident, recorded)
        return CorrelatedSubject(subject.key, incident.id)

    def _reopen(self, recorded: Recorded, report: Reported, known: CorrelatedSubject) -> None:
        self._flush(known.incident_id)  # what was seen before belongs before
        incident = self._unit.get(Incident, known.incident_id)
        if incident.status is IncidentStatus.RESOLVED:
            incident.reopen(recorded.stream_id, report.reason, self._now)
            self._save(incident, recorded)
        known.resolved_at = None
        known.failing.clear()

    def _fold_recovery(self, recorded: Recorded, report: Reported, over: Fault) -> None:
        known = self._subjects.get(over.subject_of(report).key)
        if known is None or known.resolved_at:
            return
        if over.ends_all(report):
            known.failing.clear()
        known.failing.discard(report.labels.name)
        self._subjects.put(known)
        if not known.failing:
            self._flush(known.incident_id)
            self._resolve(recorded, report, known)

    def _resolve(self, recorded: Recorded, report: Reported, known: CorrelatedSubject) -> None:
        incident = self._unit.get(Incident, known.incident_id)
        if self._is_under_repair(incident):
            return  # the repair replaced the pods itself, and is verified by looking
        how = "repaired" if incident.status is IncidentStatus.MITIGATED else end_told_by(report)
        if incident.resolve(how, report.message or report.reason, self._now):
            self._save(incident, recorded)
        known.resolved_at = (
            recorded.occurred_at
        )  # the cluster's time, as the signs it is compared with: both may be late

    def _is_under_repair(self, incident: Incident) -> bool:
        """Whether a repair was begun and has not ended, of what is not told to end: a lost node that is back is well, whoever repairs."""
        if self._faults.told_to_end(incident.symptom):
            return False
        workflow = self._unit.get(Workflow, workflow_of(incident))
        step = workflow.state.current()
        work = workflow.state.step(step.id).work_id if isinstance(step, ActionStep) else None
        return work is not None and self._unit.get(Remediation, work).status in _UNDER_REPAIR

    def _note_end(self, recorded: Recorded) -> None:
        incident = self._unit.get(Incident, recorded.stream_id)
        if incident.active:  # it was reopened since
            return
        self._shared.ended(incident, recorded)
        known = self._subjects.get(incident.subject.key) if incident.subject else None
        if known and known.incident_id == recorded.stream_id and known.resolved_at is None:
            known.resolved_at = recorded.occurred_at
            self._subjects.put(known)

    def _flush(self, incident_id: UUID) -> None:
        signs = self._signs.pop(incident_id, [])
        if not signs:
            return
        incident = self._unit.get(Incident, incident_id)
        reports = [sign.event for sign in signs if isinstance(sign.event, Reported)]
        incident.correlate(
            [sign.stream_id for sign in signs],
            [report.reason for report in reports],
            [report.labels.name for report in reports if report.labels.kind == "Pod"],
            self._now,
        )
        worst = max(reports, key=lambda report: report.severity.rank)
        if incident.active:
            incident.escalate(worst.severity, worst.reason, self._now)
        self._save(incident, signs[0])

    def _save(self, incident: Incident, recorded: Recorded) -> None:
        """Store, as part of the incident's story."""
        cause = Cause(
            actor=ACTOR,
            correlation_id=incident.id,
            causation_id=recorded.id,
            traceparent=recorded.cause.traceparent,
        )
        self._unit.save(incident, cause)


def _fell_silent(known: CorrelatedSubject, at: datetime) -> bool:
    if known.resolved_at or known.last_sign is None:
        return False
    return at > known.last_sign + SILENCE


def _echo(report: Reported) -> timedelta:
    """How long after the end a report still tells of the time before it. A node says each turn once, so its word counts at once."""
    return timedelta(0) if report.labels.kind == "Node" else QUIET


def _opened(recorded: Recorded, report: Reported, subject: Subject) -> Opened:
    pod = report.labels.name if report.labels.kind == "Pod" else ""
    return Opened(
        cluster_id=subject.cluster_id,
        namespace=subject.namespace,
        kind=subject.kind,
        name=subject.name,
        symptom=subject.symptom,
        severity=report.severity,
        reason=report.reason,
        message=report.message,
        onset=recorded.occurred_at,
        event_id=recorded.stream_id,
        pod=pod,
        container=report.raw_data.container,
        node=report.labels.node,
    )
