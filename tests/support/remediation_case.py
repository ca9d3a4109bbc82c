"""The remediation process on a log in memory, with commands of each phase of a repair."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from aetherius.domain import command, remediation
from aetherius.domain.brake import Admission, Limits
from aetherius.domain.cluster import Registered, Repairs
from aetherius.domain.identity import cluster_stream, stable_id
from aetherius.domain.incident import Reopened, Resolved
from aetherius.domain.repair.answers import RepairAnswer, VerificationAnswer, WorkloadRef
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.repair.patience import Patience
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.readers.state_tables.memory import MemoryTable
from aetherius.readers.testing import ProcessCase
from sealed_state import KEYS, SEALING
from story_events import ADA, LIMIT, RAISE, REMEDIATION, ordered

YES = remediation.Approved(by=ADA)
UNDO = {**LIMIT, "memory_limit": "64Mi", "expected_memory_limit": "128Mi"}
RAISED = RepairAnswer(
    action="UpdateResourceLimits",
    changed=True,
    summary="64Mi -> 128Mi",
    undo_action="UpdateResourceLimits",
    undo_parameters=UNDO,
)
DONE = remediation.Executed(
    command_id=UUID(int=3), summary="64Mi -> 128Mi", undo_action="UpdateResourceLimits", undo_parameters=UNDO
)
ENDED = Resolved(how="recovered", summary="well")
AGAIN = Reopened(event_id=UUID(int=1), reason="OOMKilled")
WELL = VerificationAnswer(verified=True, summary="no OOM kill for 60s")
ILL = VerificationAnswer(verified=False, summary="killed again")
LOOK_AT_WEB = {"kind": "Deployment", "name": "web", "soak_seconds": 5.0, "deadline_seconds": 60.0}
DRAINED = DrainNodeAnswer(
    node="n1",
    mode="execute",
    ready="Unknown",
    not_ready_seconds=45,
    placements=[
        PodPlacement(namespace="shop", pod="web-1", owner_kind="Deployment", owner_name="web", decision="evict")
    ],
    feasible=True,
    workloads=[WorkloadRef(kind="Deployment", namespace="shop", name="web")],
)


def phase(name: str) -> UUID:
    """The command of a phase."""
    return stable_id("Command", REMEDIATION, name)


def succeeded(answer: Any) -> command.Succeeded:
    """The agent ran it."""
    text = answer if isinstance(answer, str) else msgspec.json.encode(answer).decode()
    return command.Succeeded(exit_code=0, output=text)


class RemediationCase(ProcessCase):
    """Patient for half a minute with a repair, a minute with a rollout, and five seconds after it."""

    def __init__(self, repairs: Repairs = Repairs.ON, limits: Limits | None = None) -> None:
        """`repairs`: whether the cluster may be changed."""
        patience = Patience(soak=5, rollout=60, repair=30)
        super().__init__(
            lambda log, clock: RemediationProcess(clock, patience, KEYS, MemoryTable(log, Admission), limits),
            sealing=SEALING,
        )
        self.given(cluster_stream("north"), Registered(cluster_id="north", repairs=repairs))

    def given_ordered(self, name: str, action: str = "UpdateResourceLimits", **changes: Any) -> None:
        """The command of a phase is under way."""
        parameters = changes.pop("parameters", RAISE)
        order = ordered(
            tool="repair", action=action, remediation_id=REMEDIATION, step_id=name, parameters=parameters, **changes
        )
        self.given(phase(name), order)
