"""Whether it was the node that ran out of memory: then the kernel takes whom it likes, and no limit of a pod is too low."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.repair.node_pressure import NodePressureAnswer, SystemKill
from aetherius.domain.wire.analysis import Evidence

CAUSE: Final = "NodeOutOfMemory"
PRESSURE: Final = "MemoryPressure"
_AROUND: Final = timedelta(minutes=5)
"""Between a kill of the node and what it did to a pod: kubelets tell both within a minute, by clocks that differ."""


def shortage(file: EvidenceFile, times: Sequence[datetime]) -> list[Evidence]:
    """The kills of the node's own at these times; empty where nobody looked, or there was none."""
    node = file.answer(NodePressureAnswer)
    if node is None:
        return []
    found = [kill for kill in node.system_kills if _is_near(kill, times)]
    return [
        Evidence(
            source="node",
            finding=f"node {node.node} ran out of memory at {kill.last:%F %T}: {kill.message}",
            weight=0.6,
        )
        for kill in found[-2:]
    ]


def pressed(file: EvidenceFile) -> list[Evidence]:
    """That the node is short of memory now, though nothing was killed for it yet; empty where it is not, or nobody looked."""
    node = file.answer(NodePressureAnswer)
    if node is None or PRESSURE not in node.pressures:
        return []
    words = "is short of memory now (MemoryPressure): no limit is raised on it, and whose memory it is must be looked at first"
    return [Evidence(source="node", finding=f"node {node.node} {words}", weight=0.6)]


def _is_near(kill: SystemKill, times: Sequence[datetime]) -> bool:
    return not times or any(kill.first - _AROUND <= at <= kill.last + _AROUND for at in times)
