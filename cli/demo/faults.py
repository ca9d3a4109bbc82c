"""The four faults: what is broken, by which command, and what must come of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aetherius.cli.demo import workloads

NORTH, SOUTH = "north", "south"


@dataclass(frozen=True)
class Fault:
    """One fault. `kind` and `name` are the incident's subject; `repair` and `cause` are what a right diagnosis leads to."""

    title: str
    cluster: str
    namespace: str
    kind: str
    name: str
    workload: dict[str, Any]
    inject: tuple[str, ...]
    cause: str
    repair: str
    heal: tuple[str, ...] = ()
    """For what a repair cannot bring back (a node): run once the incident is mitigated."""


def node_prefix(cluster: str, space: str) -> str:
    """How a run's nodes are called: like its namespace, they are its own, so that no incident of an earlier run is taken up again."""
    return f"{cluster}-{space}"


def four_faults(space: str) -> list[Fault]:
    """The faults of one run, in a namespace of its own."""
    lost = f"{node_prefix(SOUTH, space)}-node-1"
    return [
        Fault(
            title="memory limit too low",
            cluster=NORTH,
            namespace=space,
            kind="Deployment",
            name="checkout",
            workload=workloads.deployment("checkout", space, uses="96Mi"),
            inject=("set", "resources", "deployment/checkout", "-n", space, "--limits=memory=64Mi"),
            cause="OOM",
            repair="UpdateResourceLimits",
        ),
        Fault(
            title="bad image tag in a rollout",
            cluster=SOUTH,
            namespace=space,
            kind="Deployment",
            name="catalog",
            workload=workloads.deployment("catalog", space),
            inject=("set", "image", "deployment/catalog", "-n", space, f"app={workloads.REGISTRY}/catalog:missing-v2"),
            cause="Image",
            repair="RollbackDeployment",
        ),
        Fault(
            title="config map missing",
            cluster=NORTH,
            namespace=space,
            kind="Deployment",
            name="payments",
            workload=workloads.deployment("payments", space),
            inject=(
                "patch",
                "deployment/payments",
                "-n",
                space,
                "--type=merge",
                "-p",
                json.dumps(workloads.with_config_map("payments", "payments-settings")),
            ),
            cause="Config",
            repair="RollbackDeployment",
        ),
        Fault(
            title="node lost",
            cluster=SOUTH,
            namespace="",
            kind="Node",
            name=lost,
            workload=workloads.deployment("search", space, replicas=3),
            inject=("label", "node", lost, "aetherius.test/fault=not-ready", "--overwrite"),
            cause="NodeLost",
            repair="DrainNode",
            heal=("label", "node", lost, "aetherius.test/fault-"),
        ),
    ]
