"""The incident process: what analyses conclude and repairs achieve becomes part of the incident's life.

A lost node is different: once its workloads run elsewhere the incident is mitigated, and it is resolved only when the node is Ready again (the
correlator sees that).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from aetherius.domain.analysis import Completed
from aetherius.domain.diagnosis.verdict import RECOVERED
from aetherius.domain.event import Recorded, topics_of
from aetherius.domain.fault.faults import Faults, shipped_faults
from aetherius.domain.incident import Diagnosed, Incident
from aetherius.domain.remediation import Remediation, Verified
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.orchestrator.workflow.proposal import summary
from aetherius.readers.unit import Unit

ACTOR = "system:incidents"


class IncidentProcess:
    """Conclusions in, diagnosed and ended incidents out."""

    name = "incident_process"

    def __init__(
        self, clock: Callable[[], datetime], faults: Faults | None = None, actions: Actions | None = None
    ) -> None:
        """`faults` and `actions`: those there are; all that the program ships with, if None."""
        self._clock = clock
        self._faults, self._actions = faults or shipped_faults(), actions or shipped_actions()

    @property
    def topics(self) -> Sequence[str]:
        """Answers of analyses, and verified repairs."""
        return topics_of((Completed, Verified))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Tell each incident what happened for it."""
        for recorded in batch:
            match recorded.event:
                case Completed() as answer:
                    incident = unit.get(Incident, answer.incident_id)
                    self._diagnose(incident, answer, recorded)
                case Verified() as verified:
                    incident = self._mitigate(unit.get(Remediation, recorded.stream_id), verified, unit)
                case _:
                    continue
            unit.save(incident, recorded.cause.then(ACTOR, recorded.id))

    def _diagnose(self, incident: Incident, answer: Completed, recorded: Recorded) -> None:
        now = self._clock()
        diagnosis = Diagnosed(
            analysis_id=recorded.stream_id,
            root_cause=answer.root_cause,
            confidence=answer.detail.confidence,
            summary=summary(answer),
            evidence=answer.detail.evidence,
        )
        incident.diagnose(diagnosis, now)
        if answer.detail.type == RECOVERED:
            incident.resolve("recovered", summary(answer), now)

    def _mitigate(self, remediation: Remediation, verified: Verified, unit: Unit) -> Incident:
        now, proposal = self._clock(), remediation.proposal
        assert proposal is not None, "it was verified, so it was proposed"
        incident = unit.get(Incident, proposal.incident_id)
        repair = self._actions.repair(proposal.action)
        if repair is not None and not repair.on_cluster:
            return incident
        incident.mitigate(remediation.id, verified.summary, now)
        if not self._faults.told_to_end(incident.symptom):
            incident.resolve("repaired", verified.summary, now)
        return incident
