"""The planner: before anybody says yes, the agent tries the repair as a dry run, and what it says becomes the plan that the yes is bound to.

A process manager. Where the agent does not answer, or would refuse, the plan says so. The policy then says no; a person sees it, and a yes to it changes
nothing before the facts have been looked at (`_NOTHING_SEEN`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from aetherius.domain import remediation as remediations
from aetherius.domain.command import ANSWERS, Cancelled, Command, Lost, TimedOut
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.keyring import Keyring
from aetherius.domain.plan import DryRun, Plan
from aetherius.domain.remediation import ApprovalRequested, Proposed, Remediation, RiskAssessed
from aetherius.domain.repair.action import Foreseen, Order
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.repair.patience import Patience
from aetherius.domain.secrets import opened
from aetherius.orchestrator.remediation.phases import PLAN, command_of, issued
from aetherius.orchestrator.remediation.track_records import RecordTable, TrackRecords
from aetherius.orchestrator.workflow.inputs import answer_error
from aetherius.readers.unit import Unit

ACTOR: Final = "system:planner"
_ENDS: Final[tuple[type[Event], ...]] = (remediations.Verified, remediations.RolledBack, remediations.Failed)
_NOTHING_SEEN: Final = ["a dry run that passed"]
"""Facts of a plan without a dry run that passed: no object has them, so the agent changes nothing, and the person is asked again with what is so then."""


class RepairPlanner:
    """Questions and answers in, plans out."""

    name = "repair_planner"

    def __init__(
        self,
        clock: Callable[[], datetime],
        patience: Patience,
        keys: Keyring,
        records: RecordTable,
        actions: Actions | None = None,
    ) -> None:
        """`actions`: the repairs there are; those that the program ships with, if None."""
        self._clock, self._patience, self._keys, self._records = clock, patience, keys, records
        self._actions = actions or shipped_actions()

    @property
    def topics(self) -> Sequence[str]:
        """What is to be planned, answers of commands, and ends (which are counted)."""
        return topics_of((RiskAssessed, ApprovalRequested, *ANSWERS, *_ENDS))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Have plans made, and write down those that are."""
        records = TrackRecords(unit, self._records)
        for recorded in batch:
            match recorded.event:
                case RiskAssessed() | ApprovalRequested():
                    self._ask(unit.get(Remediation, recorded.stream_id), recorded, unit, records)
                case event if isinstance(event, _ENDS):
                    _count(unit.get(Remediation, recorded.stream_id), event, records)
                case event:
                    plain = opened(event, recorded.stream_id, self._keys)
                    self._answered(unit.get(Command, recorded.stream_id), plain, recorded, unit, records)

    def _ask(self, remediation: Remediation, recorded: Recorded, unit: Unit, records: TrackRecords) -> None:
        proposal = remediation.proposal
        if proposal is None or not remediation.awaits_plan:
            return
        command = unit.get(Command, command_of(remediation, PLAN))
        if command.version:
            return
        now = self._clock()
        try:
            order = self._simulation(proposal)
            command.issue(issued(remediation, proposal, PLAN, order, self._actions, self._patience, ACTOR, now), now)
        except InvalidMessageError as exc:  # proposed by another version
            self._plan(remediation, _unknown(f"it cannot be tried: {exc}"), recorded, unit, records)
            return
        unit.save(command, recorded.cause.then(ACTOR, recorded.id))

    def _simulation(self, proposal: Proposed) -> Order:
        repair = self._actions.repair(proposal.action)
        order = repair.simulation(repair.recalled(proposal.parameters)) if repair else None
        if order is None:
            raise InvalidMessageError("action", f"this version does not know how to try {proposal.action}")
        return order

    def _answered(self, command: Command, event: Event, recorded: Recorded, unit: Unit, records: TrackRecords) -> None:
        order = command.issued
        if order is None or order.remediation_id is None or order.step_id != PLAN:
            return
        remediation = unit.get(Remediation, order.remediation_id)
        if command.id != command_of(remediation, PLAN):
            return  # of a question that was asked anew
        self._plan(remediation, self._read(remediation, event), recorded, unit, records)

    def _read(self, remediation: Remediation, event: Event) -> tuple[DryRun, Foreseen]:
        repair = self._actions.repair(remediation.proposal.action) if remediation.proposal else None
        if isinstance(event, CommandSucceeded):
            foreseen = repair.foreseen(event.output) if repair else None
            if foreseen is None:
                return _unknown("what it would do cannot be read")
            return (DryRun.PASSED if foreseen.possible else DryRun.REFUSED), foreseen
        if isinstance(event, Lost | TimedOut | Cancelled):
            return _unknown(f"the agent did not say what it would do: {answer_error(event)}")
        return DryRun.REFUSED, Foreseen(told=answer_error(event), possible=False, seen=_NOTHING_SEEN)

    def _plan(
        self,
        remediation: Remediation,
        read: tuple[DryRun, Foreseen],
        recorded: Recorded,
        unit: Unit,
        records: TrackRecords,
    ) -> None:
        proposal, (dry_run, foreseen) = remediation.proposal, read
        if proposal is None:
            return
        plan = Plan(
            number=remediation.plans + 1,
            dry_run=dry_run,
            told=foreseen.told,
            diff=foreseen.diff,
            affected=foreseen.affected,
            warnings=foreseen.warnings,
            undo=foreseen.undo,
            seen=foreseen.seen,
            here=records.here(proposal).told,
            anywhere=records.anywhere(proposal).told,
            expires_at=remediation.deadline,
        )
        if remediation.plan(plan, self._clock()):
            unit.save(remediation, recorded.cause.then(ACTOR, recorded.id))


def _unknown(why: str) -> tuple[DryRun, Foreseen]:
    return DryRun.UNKNOWN, Foreseen(told=why, possible=False, seen=_NOTHING_SEEN)


def _count(remediation: Remediation, end: Event, records: TrackRecords) -> None:
    """What was done, and is over. A person's note to an owner is no act on a cluster."""
    done, proposal = remediation.executed, remediation.proposal
    if done is not None and done.command_id is not None and proposal is not None:
        records.count(proposal, helped=isinstance(end, remediations.Verified))
