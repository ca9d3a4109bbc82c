"""What an approved repair must pass before it is ordered: no freeze, no suppressed incident, a cluster that may be changed, and the brake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from aetherius.domain.brake import Admission, Limits, verdict
from aetherius.domain.cluster import Cluster, Repairs
from aetherius.domain.freeze import Freeze, Scope, freeze_stream, scopes_around
from aetherius.domain.identity import cluster_stream
from aetherius.domain.incident import Incident
from aetherius.domain.remediation import Proposed, Remediation
from aetherius.domain.repair.action import Repair
from aetherius.orchestrator.remediation.admissions import Admissions
from aetherius.orchestrator.workflow.common_trouble import common_trouble
from aetherius.readers.unit import Unit


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a repair, and why."""

    says: Literal["go", "try", "wait", "refuse"]
    why: str = ""


class Gate:
    """The gate as of one event."""

    def __init__(self, unit: Unit, admissions: Admissions, limits: Limits, now: datetime) -> None:
        self._unit, self._admissions, self._limits, self._now = unit, admissions, limits, now

    def passage(self, remediation: Remediation, proposal: Proposed, repair: Repair[Any]) -> Passage:
        """Whether it may begin; it is counted from then on."""
        if frozen := self.frozen(proposal):
            return self._refused(remediation, frozen)
        if why := self._unit.get(Incident, proposal.incident_id).suppressed:
            return self._refused(remediation, f"the incident is suppressed: {why}")
        if common := common_trouble(self._unit, self._unit.get(Incident, proposal.incident_id)):
            return self._refused(remediation, common)
        if self._cluster(proposal.cluster_id).repairs is Repairs.DRY_RUN:
            return Passage(says="try")
        return self._braked(remediation, proposal, repair)

    def frozen(self, proposal: Proposed) -> str:
        """The freeze that forbids changes there, in words; empty for none."""
        environment = self._cluster(proposal.cluster_id).environment
        for scope in scopes_around(proposal.cluster_id, proposal.namespace, environment):
            freeze = self._unit.get(Freeze, freeze_stream(scope))
            if freeze.present is not None and freeze.holds(self._now):
                return f"{scope.in_words} is frozen by {freeze.present.by}: {freeze.present.reason}"
        return ""

    def covered(self, scope: Scope) -> Sequence[Admission]:
        """What a freeze of this scope meets."""
        return [
            each
            for each in self._admissions.all
            if scope.covers(each.cluster_id, each.namespace, self._cluster(each.cluster_id).environment)
        ]

    def leave(self, remediation_id: UUID) -> bool:
        """It is over; whether a place became free."""
        return self._admissions.end(remediation_id, self._now)

    def forget(self, remediation_id: UUID) -> bool:
        """It is not to be done for now, and nothing was: no limit counts it. Whether a place became free."""
        return self._admissions.forget(remediation_id)

    def waiting(self, cluster_id: str) -> Sequence[UUID]:
        """Who waits in a cluster, the first first."""
        return [each.remediation_id for each in self._admissions.all if each.cluster_id == cluster_id and each.waits]

    def holds_clean_up(self, remediation: Remediation, proposal: Proposed) -> bool:
        """Whether a freeze has its marks stay; noted until they are off."""
        held = bool(self.frozen(proposal))
        found = self._admissions.of(remediation.id)
        if found is None and held:
            found = replace(_admission(remediation, proposal, self._now), ended_at=self._now)
        if found is not None and found.clean_up_held is not held:
            self._admissions.keep(replace(found, clean_up_held=held))
        return held

    def held_clean_ups(self) -> Sequence[UUID]:
        """Whose marks are still on a cluster."""
        return [each.remediation_id for each in self._admissions.all if each.clean_up_held]

    def _braked(self, remediation: Remediation, proposal: Proposed, repair: Repair[Any]) -> Passage:
        known = self._admissions.of(remediation.id) or _admission(remediation, proposal, self._now)
        found = verdict(known, self._admissions.all, self._limits, repair.limits, self._now)
        match found.says:
            case "go":
                self._admissions.begin(known, self._now)
            case "wait":
                self._admissions.keep(known)
            case "refuse":
                return self._refused(remediation, f"the brake holds: {found.why}")
        return Passage(says=found.says, why=found.why)

    def _refused(self, remediation: Remediation, why: str) -> Passage:
        self._admissions.end(remediation.id, self._now)
        return Passage(says="refuse", why=why)

    def _cluster(self, cluster_id: str) -> Cluster:
        return self._unit.get(Cluster, cluster_stream(cluster_id))


def _admission(remediation: Remediation, proposal: Proposed, now: datetime) -> Admission:
    return Admission(
        remediation_id=remediation.id,
        cluster_id=proposal.cluster_id,
        namespace=proposal.namespace,
        action=proposal.action,
        by_person=remediation.approval.by_person,
        approved_at=now,
    )
