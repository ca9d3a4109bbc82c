"""What a pod asks of a node, whatever the resource: memory, CPU, ephemeral storage, devices."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from aetherius.edge_agent.repair.scheduling.pods import SchedulingContainer, SchedulingPod

Amounts = Mapping[str, float]
Quantities = Mapping[str, str | int | float]

_QUANTITY: Final = re.compile(r"\+?(\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE]([+-]?\d{1,3})|([numkMGTPE]i?|Ki)?)")
_FACTORS: Final = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def amount(quantity: str | float, unknown: float = math.inf) -> float:
    """A Kubernetes quantity as a number: bytes, cores, pieces. `unknown`: what a text that is none counts for; by default more than any node has."""
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or (match[3] or "") not in _FACTORS:
        return unknown
    if match[2]:
        return float(match[1]) * 10.0 ** int(match[2]) if abs(int(match[2])) < 100 else unknown
    return float(match[1]) * _FACTORS[match[3] or ""]


def requests_of(pod: SchedulingPod) -> dict[str, float]:
    """What the scheduler reserves: all containers and sidecars, or the largest start if that is more; one pod."""
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    running = _sum([*pod.spec.containers, *sidecars])
    starting: dict[str, float] = {}
    before: Counter[str] = Counter()
    for each in pod.spec.init_containers:
        own = _requests(each)
        if each.restart_policy == "Always":
            before.update(own)
            continue
        for name in {*own, *before}:
            starting[name] = max(starting.get(name, 0.0), own.get(name, 0.0) + before.get(name, 0.0))
    overhead = {name: amount(text) for name, text in pod.spec.overhead.items()}
    names = {*running, *starting, *overhead}
    whole = {name: max(running.get(name, 0.0), starting.get(name, 0.0)) + overhead.get(name, 0.0) for name in names}
    return {**whole, "pods": 1.0}


def capacity_of(allocatable: Quantities) -> dict[str, float]:
    """What a node has to give; what it does not name it has not, but for pods (Kubernetes' 110)."""
    return {"pods": 110.0} | {name: amount(text, unknown=0.0) for name, text in allocatable.items()}


def lacking(requests: Amounts, room: Amounts) -> str:
    """The first resource of which there is too little; empty for none."""
    short = (name for name, wanted in sorted(requests.items()) if wanted > 0 and wanted > room.get(name, 0.0) + 1e-9)
    return next(short, "")


def _sum(containers: Iterable[SchedulingContainer]) -> dict[str, float]:
    total: dict[str, float] = {}
    for each in containers:
        for name, wanted in _requests(each).items():
            total[name] = total.get(name, 0.0) + wanted
    return total


def _requests(container: SchedulingContainer) -> dict[str, float]:
    """A resource with a limit and no request is requested as limited."""
    wanted = {**container.resources.limits, **container.resources.requests}
    return {name: amount(text) for name, text in wanted.items()}
