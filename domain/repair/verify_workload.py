"""The look that verifies what rolled a workload out anew."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from aetherius.domain.repair.action import Look, Order, Phase, decoded
from aetherius.domain.repair.answers import Name, RepairAnswer
from aetherius.domain.repair.patience import Patience

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class VerifyWorkload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watch a workload until its rollout is complete, all replicas are available, and it stays so for the soak time.

    With `watch_oom`, an OOM kill of a current pod during the soak fails the verification at once.
    """

    kind: Literal["Deployment"]
    name: Name
    soak_seconds: Seconds
    deadline_seconds: Seconds
    watch_oom: bool = False
    neighbours: list[str] = []
    """Workloads that were well before the repair, as `Kind/namespace/name@generation`: it helped only if they are well after it."""


class VerifyWorkloadLook(Look[VerifyWorkload]):
    """The entry."""

    name = "VerifyWorkload"
    parameters = VerifyWorkload
    asks = Phase.VERIFY

    def object_of(self, parameters: VerifyWorkload) -> str:
        """The workload."""
        return parameters.name


def watched(name: str, output: str, patience: Patience, *, watch_oom: bool = False) -> Order:
    """The order that watches a Deployment roll out. `output`: what the agent answered to the repair."""
    answer = decoded(output, RepairAnswer)
    beside = {"neighbours": answer.neighbours} if answer and answer.neighbours else {}
    return Order(
        action=ENTRY.name,
        parameters={
            **beside,
            "kind": "Deployment",
            "name": name,
            "soak_seconds": patience.soak,
            "deadline_seconds": patience.rollout,
            "watch_oom": watch_oom,
        },
    )


ENTRY = VerifyWorkloadLook()
