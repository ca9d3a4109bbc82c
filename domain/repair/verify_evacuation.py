"""The look that verifies that a node was emptied: what ran there is Ready elsewhere."""

from __future__ import annotations

from typing import Annotated

import msgspec

from aetherius.domain.repair.action import Look, Phase
from aetherius.domain.repair.answers import Name, WorkloadRef

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class VerifyEvacuation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watch until every workload has its replicas Ready on nodes other than this one."""

    node: Name
    workloads: list[WorkloadRef]
    deadline_seconds: Seconds
    only_left: bool = False
    """Nobody knows what ran there: watch until no pod is left on the node that would have to move, and no workload of the cluster lacks replicas."""
    neighbours: list[str] = []
    """Workloads that were well before the drain, as `Kind/namespace/name@generation`: it helped only if they are well after it."""


class VerifyEvacuationLook(Look[VerifyEvacuation]):
    """The entry."""

    name = "VerifyEvacuation"
    parameters = VerifyEvacuation
    asks = Phase.VERIFY

    def object_of(self, parameters: VerifyEvacuation) -> str:
        """The node."""
        return parameters.node


ENTRY = VerifyEvacuationLook()
