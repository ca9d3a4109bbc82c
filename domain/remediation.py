"""A remediation: a proposed act with a risk, an approval, a verification and an undo."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import PlanChangedError, WrongStateError
from aetherius.domain.event import Event, upcast
from aetherius.domain.plan import DryRun, Plan, digest_of
from aetherius.domain.repair.action import Approval
from aetherius.domain.risk import Risk, RiskLevel
from aetherius.domain.secrets import Secret

POLICY: Final = "system:policy"
"""Who approves where the risk asks for nobody."""


class RemediationStatus(enum.StrEnum):
    """Where a remediation is; the last five are final."""

    NEW = "new"
    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    EXECUTED = "executed"
    VERIFICATION_FAILED = "verification_failed"
    VERIFIED = "verified"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Nothing follows."""
        return self in _FINAL


_NOT_BEGUN = frozenset({RemediationStatus.PROPOSED, RemediationStatus.AWAITING_APPROVAL, RemediationStatus.APPROVED})
_FINAL = frozenset(
    {
        RemediationStatus.VERIFIED,
        RemediationStatus.REJECTED,
        RemediationStatus.ROLLED_BACK,
        RemediationStatus.FAILED,
    }
)


class Proposed(Event, stream="Remediation", frozen=True, kw_only=True):
    """What would be done, to what, and why."""

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    cluster_id: str
    namespace: str
    kind: str
    name: str
    action: str
    parameters: dict[str, Any]
    reason: str


class RiskAssessed(Event, stream="Remediation", frozen=True, kw_only=True):
    """How much could go wrong, and why so."""

    risk: RiskLevel
    reasons: list[str]
    approval_required: bool


class ApprovalRequested(Event, stream="Remediation", schema=3, frozen=True, kw_only=True):
    """A person must say yes, until the deadline; None: whenever they like, as the first version had it."""

    question: str
    deadline: datetime | None = None
    plan_follows: bool = False
    """The yes will be to a plan (`Planned`); False for a repair that cannot be tried, and as the first two versions had it."""


@upcast("Remediation.ApprovalRequested.v1", ApprovalRequested)
def _without_deadline(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


@upcast("Remediation.ApprovalRequested.v2", ApprovalRequested)
def _without_plan(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


class Planned(Event, stream="Remediation", frozen=True, kw_only=True):
    """What the question is about: a yes names the digest of the latest plan."""

    digest: str
    plan: Plan


class Outdated(Event, stream="Remediation", frozen=True, kw_only=True):
    """What the plan stood on is different by now: nothing was changed, and the question is asked again."""

    reason: str


class ApprovalExpired(Event, stream="Remediation", frozen=True, kw_only=True):
    """Nobody answered in time. The rejection follows."""

    deadline: datetime


class Approved(Event, stream="Remediation", frozen=True, kw_only=True):
    """Yes: by a person, or by policy (`system:policy`) where the risk asks for nobody."""

    by: str
    comment: str = ""


class Rejected(Event, stream="Remediation", frozen=True, kw_only=True):
    """No; nothing was changed."""

    by: str
    reason: str


class Executed(Event, stream="Remediation", frozen=True, kw_only=True):
    """The cluster was changed (or the owner told); `undo_action` takes it back."""

    command_id: UUID | None
    summary: str
    undo_action: str = ""
    undo_parameters: dict[str, Any] = {}


class Verified(Event, stream="Remediation", frozen=True, kw_only=True):
    """It helped: shown by looking, for as long as the plan said."""

    command_id: UUID | None
    summary: str


class VerificationFailed(Event, stream="Remediation", frozen=True, kw_only=True):
    """It did not help."""

    command_id: UUID | None
    reason: str


class RolledBack(Event, stream="Remediation", frozen=True, kw_only=True):
    """The change was taken back."""

    command_id: UUID | None
    summary: str


class Failed(Event, stream="Remediation", frozen=True, kw_only=True):
    """It could not be done, or not be taken back; the reason says what the cluster is left with."""

    reason: Secret


class Remediation(Aggregate):
    """One remediation, and the rules of its life."""

    stream = "Remediation"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.status = RemediationStatus.NEW
        self.proposal: Proposed | None = None
        self.executed: Executed | None = None
        self.approved: Approved | None = None
        self.deadline: datetime | None = None
        """Until when a person may say yes; None for no such end."""
        self.risk: RiskAssessed | None = None
        self.question = ""
        self.plan_follows = False
        """A yes needs a plan."""
        self.planned: Planned | None = None
        """The plan that a yes would be to."""
        self.plans = 0
        """How many there were."""

    def propose(
        self,
        proposal: Proposed,
        risk: Risk,
        at: datetime,
        deadline: datetime | None = None,
        question: str = "",
        *,
        plan_follows: bool = False,
    ) -> None:
        """Propose with its risk: approved by policy, or put to a person, who may say yes until `deadline`. A repeat does nothing.

        `plan_follows`: nobody says yes before there is a plan.

        `question`: what the person is asked; the reason, if empty.
        """
        if self.status is not RemediationStatus.NEW:
            return
        self.record(proposal, at)
        self.record(RiskAssessed(risk=risk.level, reasons=risk.reasons, approval_required=risk.approval_required), at)
        if risk.approval_required:
            self.record(
                ApprovalRequested(question=question or proposal.reason, deadline=deadline, plan_follows=plan_follows),
                at,
            )
        elif not plan_follows:
            self._allow(at)

    def _allow(self, at: datetime) -> None:
        """The policy says yes."""
        self.record(Approved(by=POLICY, comment="; ".join(self.risk.reasons if self.risk else [])), at)

    @property
    def awaits_plan(self) -> bool:
        """A dry run is to say what would be done: before a person is to decide, or before the policy does."""
        asked = self.status is RemediationStatus.AWAITING_APPROVAL and self.plan_follows
        by_policy = self.status is RemediationStatus.PROPOSED and self.plans == 0 and self.risk is not None
        return self.planned is None and (asked or by_policy)

    def plan(self, plan: Plan, at: datetime) -> bool:
        """Say what would be done; False when no plan is awaited. What needs no person is approved if its dry run passed, and else withdrawn."""
        proposal = self.proposal
        if proposal is None or not self.awaits_plan or plan.number != self.plans + 1:
            return False
        target = [proposal.cluster_id, proposal.namespace, proposal.kind, proposal.name]
        digest = digest_of(self.id, proposal.action, proposal.parameters, target, plan)
        self.record(Planned(digest=digest, plan=plan), at)
        if self.status is RemediationStatus.PROPOSED:
            self._follow_dry_run(plan, at)
        return True

    def _follow_dry_run(self, plan: Plan, at: datetime) -> None:
        match plan.dry_run:
            case DryRun.PASSED:
                self._allow(at)
            case DryRun.REFUSED:
                self.withdraw(f"its dry run was refused, and nothing was changed: {plan.told}", at)
            case DryRun.UNKNOWN:
                self.withdraw(f"what it would do is not known, and nothing was changed: {plan.told}", at)

    def approve(self, by: str, comment: str, at: datetime, digest: str = "") -> None:
        """Say yes to the plan of this digest.

        Raises:
            WrongStateError: nobody asked, it was answered, the deadline has passed, or its plan is not made yet.
            PlanChangedError: the plan is another one (empty: none was named).
        """
        self._must_await_approval("approve")
        if self.deadline and at > self.deadline:
            raise WrongStateError(f"remediation {self.id}", "expired", "approve")
        if self.plan_follows and self.planned is None:
            raise WrongStateError(f"remediation {self.id}", "being planned", "approve before its plan is there")
        bound = self.planned.digest if self.planned else ""
        if digest != bound:
            raise PlanChangedError(f"remediation {self.id}", bound, digest)
        self.record(Approved(by=by, comment=comment), at)

    def outdate(self, reason: str, at: datetime) -> bool:
        """What was approved is not so any more, and nothing was changed; False when nothing is approved, or it stood on no plan."""
        if self.status is not RemediationStatus.APPROVED or self.planned is None:
            return False
        self.record(Outdated(reason=reason), at)
        return True

    def ask_again(self, deadline: datetime | None, at: datetime) -> bool:
        """Put the question anew, to be followed by another plan; False unless the last one is outdated."""
        if self.status is not RemediationStatus.PROPOSED or not self.plans:
            return False
        self.record(ApprovalRequested(question=self.question, deadline=deadline, plan_follows=True), at)
        return True

    def reject(self, by: str, reason: str, at: datetime) -> None:
        """Say no. Raises ``WrongStateError`` when it was answered, or began."""
        self._must_await_approval("reject")
        self.record(Rejected(by=by, reason=reason), at)

    def expire(self, at: datetime) -> bool:
        """Reject it because nobody answered in time; False when it is answered, or the time is not over."""
        if self.status is not RemediationStatus.AWAITING_APPROVAL or self.deadline is None or at < self.deadline:
            return False
        self.record(ApprovalExpired(deadline=self.deadline), at)
        self.record(Rejected(by="system:approval", reason=f"nobody answered until {self.deadline:%F %T} UTC"), at)
        return True

    @property
    def approval(self) -> Approval:
        """Who said yes to it, and with which words; nobody, so far, if `by` is empty."""
        yes = self.approved
        return Approval(by=yes.by, comment=yes.comment) if yes else Approval(by="")

    def withdraw(self, reason: str, at: datetime) -> bool:
        """Take an approved or waiting proposal back before anything is done (the incident ended by itself); False when it is too late."""
        if self.status not in _NOT_BEGUN:
            return False
        self.record(Rejected(by="system:remediation", reason=reason), at)
        return True

    def execute(self, executed: Executed, at: datetime) -> bool:
        """Note that it was done; False when that is not what is awaited."""
        if self.status is not RemediationStatus.APPROVED:
            return False
        self.record(executed, at)
        return True

    def verify(self, command_id: UUID | None, summary: str, at: datetime) -> bool:
        """Note that it helped; False when that is not what is awaited."""
        if self.status is not RemediationStatus.EXECUTED:
            return False
        self.record(Verified(command_id=command_id, summary=summary), at)
        return True

    def fail_verification(self, command_id: UUID | None, reason: str, at: datetime) -> bool:
        """Note that it did not help; False when that is not what is awaited."""
        if self.status is not RemediationStatus.EXECUTED:
            return False
        self.record(VerificationFailed(command_id=command_id, reason=reason), at)
        return True

    def roll_back(self, command_id: UUID | None, summary: str, at: datetime) -> bool:
        """Note that it was taken back; False when that is not what is awaited."""
        if self.status is not RemediationStatus.VERIFICATION_FAILED:
            return False
        self.record(RolledBack(command_id=command_id, summary=summary), at)
        return True

    def fail(self, reason: str, at: datetime) -> bool:
        """Give it up; False when it has ended."""
        if self.status.final or self.status is RemediationStatus.NEW:
            return False
        self.record(Failed(reason=reason), at)
        return True

    def evolve(self, event: Event) -> None:
        self.status = _STATUS.get(type(event), self.status)
        if isinstance(event, Proposed):
            self.proposal = event
        elif isinstance(event, RiskAssessed):
            self.risk = event
        elif isinstance(event, ApprovalRequested):
            self.deadline, self.question, self.plan_follows = event.deadline, event.question, event.plan_follows
        elif isinstance(event, Planned):
            self.planned, self.plans = event, self.plans + 1
        elif isinstance(event, Outdated):
            self.planned = self.approved = None
        elif isinstance(event, Approved):
            self.approved = event
        elif isinstance(event, Executed):
            self.executed = event

    def _must_await_approval(self, command: str) -> None:
        if self.status is not RemediationStatus.AWAITING_APPROVAL:
            raise WrongStateError(f"remediation {self.id}", self.status, command)


_STATUS: dict[type[Event], RemediationStatus] = {
    Proposed: RemediationStatus.PROPOSED,
    ApprovalRequested: RemediationStatus.AWAITING_APPROVAL,
    Outdated: RemediationStatus.PROPOSED,
    Approved: RemediationStatus.APPROVED,
    Rejected: RemediationStatus.REJECTED,
    Executed: RemediationStatus.EXECUTED,
    Verified: RemediationStatus.VERIFIED,
    VerificationFailed: RemediationStatus.VERIFICATION_FAILED,
    RolledBack: RemediationStatus.ROLLED_BACK,
    Failed: RemediationStatus.FAILED,
}
