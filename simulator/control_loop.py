"""The loop that runs every controller and kubelet: a round after each burst of changes, and at least one a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.controllers.budgets import Budgets
from aetherius.simulator.controllers.collector import Collector
from aetherius.simulator.controllers.controller import Controller
from aetherius.simulator.controllers.deployments import Deployments
from aetherius.simulator.controllers.node_lifecycle import NodeLifecycle
from aetherius.simulator.controllers.replica_sets import ReplicaSets
from aetherius.simulator.controllers.scheduler import Scheduler
from aetherius.simulator.kubelet.kubelet import Kubelet


def controllers(cluster: Cluster, kubelet: Kubelet) -> Sequence[Controller]:
    """All of them, in an order that lets one round carry a new Deployment to scheduled pods."""
    before = (Deployments(cluster), ReplicaSets(cluster), Scheduler(cluster))
    return (*before, kubelet, NodeLifecycle(cluster), Collector(cluster), Budgets(cluster))


async def run_controllers(cluster: Cluster, steps: Sequence[Controller], stop: asyncio.Event) -> None:
    """Run rounds until `stop` is set; a controller's own failure ends the loop, as it is a fault of the simulator."""
    with cluster.store.listening() as changed:
        while not stop.is_set():
            changed.clear()
            for controller in steps:
                controller.step(cluster.clock())
            await asyncio.sleep(cluster.settings.settle)
            try:
                async with asyncio.timeout(cluster.settings.tick):
                    await changed.wait()
            except TimeoutError:
                continue
