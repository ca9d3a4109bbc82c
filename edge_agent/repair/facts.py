"""The facts that a plan stands on: told with a simulation, and compared once more right before the change that a person said yes to.

An object's `resourceVersion` is none of them: each status of a failing workload changes it, and a person would be asked again for ever. What is compared is
what the repair would change, or would be judged by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from aetherius.edge_agent.repair.cluster import Document

MOST: Final = 300
"""Facts that are told one by one; of more, the rest is told as one sum."""


def facts_of_deployment(deployment: Document) -> list[str]:
    """Which Deployment it is, and what it would roll out. Its number of replicas is none: an autoscaler changes that all day."""
    spec = deployment["spec"]
    return [
        f"Deployment uid {deployment['metadata']['uid']}",
        f"template {sum_of(spec['template'])}",
        f"strategy {(spec.get('strategy') or {}).get('type', 'RollingUpdate')}",
        f"paused {bool(spec.get('paused'))}",
    ]


def sum_of(value: Any) -> str:
    """A short sum of a part of an object, the same for the same content."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]


def bounded(facts: Sequence[str]) -> list[str]:
    """Not more than can be told."""
    if len(facts) <= MOST:
        return list(facts)
    return [*facts[:MOST], f"and {len(facts) - MOST} more, sum {sum_of(facts[MOST:])}"]


def changed(seen: Sequence[str], now: Sequence[str]) -> str:
    """What is different, in words; empty when nothing is."""
    gone, come = [each for each in seen if each not in now], [each for each in now if each not in seen]
    told = [f"no longer {each}" for each in gone[:5]] + [f"now {each}" for each in come[:5]]
    return "; ".join(told)
