"""What the demo runs on: the platform, two simulated clusters with their agents, and a shop on them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aetherius.cli.demo import workloads
from aetherius.cli.demo.api import Api
from aetherius.cli.demo.faults import NORTH, SOUTH, Fault, node_prefix
from aetherius.cli.demo.kubectl import Kubectl
from aetherius.cli.folder import DataFolder, program
from aetherius.cli.platform import Platform, PlatformOptions
from aetherius.runtime.child import ChildSpec
from aetherius.runtime.supervisor import Phase

CLUSTERS: Final = (NORTH, SOUTH)
USER: Final = "demo"
_HASTE: Final = {
    "AETHERIUS_SOAK_TIME": "2",
    "AETHERIUS_WORKFLOW_PARAMETERS": json.dumps(
        {
            "diagnose_lost_node": {"grace": "2s"},
            "diagnose_missing_config": {"settle": "2s"},
            "diagnose_image_pull": {"settle": "2s"},
        }
    ),
}
"""Waits of a demo; a real site has a minute where this has two seconds."""
_NODE_GRACE: Final = "2"
_PROVEN_AFTER: Final = "0.5"
"""Seconds for which a shop's first revision must have worked: nobody waits a minute before the first fault."""
_ONLINE_WITHIN: Final = 30.0


class Stage:
    """Ready to be broken."""

    def __init__(self, platform: Platform, api: Api) -> None:
        self.platform, self.api = platform, api
        self.kubectl = {cluster: Kubectl(platform.folder.kubeconfig(cluster)) for cluster in CLUSTERS}

    async def furnish(self, space: str, faults: list[Fault]) -> None:
        """Create the shop, and wait until it is available.

        Raises:
            KubectlError: a simulated cluster refuses, or the shop does not come up.
        """
        await asyncio.gather(*(self._furnish(cluster, space, faults) for cluster in CLUSTERS))

    async def _furnish(self, cluster: str, space: str, faults: list[Fault]) -> None:
        mine = [fault.workload for fault in faults if fault.cluster == cluster]
        kubectl = self.kubectl[cluster]
        await kubectl.create(workloads.namespace(space), *mine)
        names = [f"deployment/{workload['metadata']['name']}" for workload in mine]
        await kubectl.run("wait", "--for=condition=Available", *names, "-n", space, "--timeout=30s", within=40.0)

    async def until_online(self) -> None:
        """Wait until both agents are registered. Raises ``TimeoutError``."""
        async with asyncio.timeout(_ONLINE_WITHIN):
            while not set(CLUSTERS) <= await self.api.online_clusters():  # noqa: ASYNC110  # asked over HTTP
                await asyncio.sleep(0.1)


@asynccontextmanager
async def open_stage(
    folder: DataFolder, space: str, port: int, on_change: Callable[[str, Phase], None]
) -> AsyncIterator[Stage]:
    """The platform with two clusters; everything is stopped on leaving.

    Raises: FolderInUseError, ChildFailedError.
    """
    options = PlatformOptions(user=USER, graphql_port=port, environment=_HASTE)
    async with Platform(folder, options, on_change) as platform:
        credentials = await platform.enroll(*CLUSTERS, repairs=True)
        await platform.serve(*(_simulator(folder, cluster, space) for cluster in CLUSTERS))
        await platform.supervisor.start(
            *(_agent(folder, cluster, str(path)) for cluster, path in zip(CLUSTERS, credentials, strict=True))
        )
        async with Api(platform.graphql_url, platform.token) as api:
            yield Stage(platform, api)


def _simulator(folder: DataFolder, cluster: str, space: str) -> ChildSpec:
    return ChildSpec(
        name=f"cluster {cluster}",
        argv=(
            *program(),
            "simulate",
            node_prefix(cluster, space),
            "--kubeconfig",
            str(folder.kubeconfig(cluster)),
            "--node-grace",
            _NODE_GRACE,
        ),
        ready_by_fd=True,
        ready_within=60.0,
    )


def _agent(folder: DataFolder, cluster: str, credentials: str) -> ChildSpec:
    argv = (*program(), "agent", "--credentials", credentials, "--kubeconfig", str(folder.kubeconfig(cluster)))
    argv = (*argv, "--proven-after", _PROVEN_AFTER)
    return ChildSpec(name=f"agent {cluster}", argv=argv)
