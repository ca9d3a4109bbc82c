"""A whole installation with a real Kubernetes control plane: the agent runs there with its own account, and every story is told by the log."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from aetherius.cli.demo.api import Api
from aetherius.domain import command as commands
from aetherius.domain import incident as incidents
from aetherius.domain import remediation as remediations
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Event, Recorded
from aetherius.domain.keyring import Keyring
from aetherius.domain.wire.command import CommandType
from aetherius.domain.workflow.events import Completed
from aetherius.event_store.log import Log
from aetherius.runtime.state_keys import read_keys
from agent_account import kubeconfig_of_agent
from approving import say_yes
from cluster_probe import ClusterProbe
from installation import Installation
from processes import Started
from real_cluster import RealCluster
from witness import Story, Witness

CLUSTER: Final = "real"
SETTINGS: Final = {
    "AETHERIUS_SOAK_TIME": "2",
    # Every fault there is, in minutes: more than a cluster should have repaired without a person.
    "AETHERIUS_REPAIRS_AN_HOUR": "1000",
    "AETHERIUS_REPAIRS_AN_HOUR_NAMESPACE": "1000",
    "AETHERIUS_REPAIRS_AN_HOUR_ACTION": "1000",
    "AETHERIUS_WORKFLOW_PARAMETERS": json.dumps(
        {
            "diagnose_lost_node": {"grace": "4s"},
            "diagnose_missing_config": {"settle": "4s"},
            "diagnose_image_pull": {"settle": "2s"},
        }
    ),
}
MOMENTS: Final = {
    "incident": incidents.Opened,
    "diagnosis": incidents.Diagnosed,
    "repair": remediations.Executed,
    "verified": remediations.Verified,
    "resolved": incidents.Resolved,
}


class Trouble:
    """One fault, injected now: its story, and what must be said of it."""

    def __init__(self, site: RealSite, story: Story) -> None:
        site.witness.look()
        self.site, self.story = site, story
        self.began = datetime.now(UTC)
        self._mark = len(site.witness.history)

    def events(self) -> list[Recorded]:
        """The story since it began: a node may have had other troubles before."""
        return [each for each in self.story.events() if each.position > self._mark]

    def told(self) -> list[str]:
        """The kinds of its events, in order."""
        return [each.event.type_name for each in self.events()]

    def until(self, kind: type[Event], within: float = 120.0) -> None:
        """Wait for an event of the story."""
        self.site.witness.until(lambda: self._all(kind), f"{kind.type_name} of {self.story}", within)

    def _all(self, kind: type[Event]) -> list[Recorded]:
        return [each for each in self.events() if isinstance(each.event, kind)]

    def the(self, kind: type[Event]) -> Any:
        """The one event of a kind in the story."""
        found = self._all(kind)
        assert len(found) == 1, f"{kind.type_name}: {self.told()}"
        return found[0].event

    def approve(self, within: float = 120.0) -> None:
        """Wait for the question, and say yes through the API."""
        self.until(remediations.ApprovalRequested, within)
        self.site.approve(self._all(remediations.ApprovalRequested)[-1].stream_id)

    def ends_well(self, cause: str, action: str) -> None:
        """Explained rightly; one repair, done and verified once; over because of it."""
        self.until(Completed)
        assert self.the(incidents.Diagnosed).root_cause == cause
        assert self.the(remediations.Proposed).action == action
        for kind in (remediations.Executed, remediations.Verified, incidents.Mitigated, incidents.Resolved):
            self.the(kind)
        bad = ("Failed", "RolledBack", "VerificationFailed", "Lost", "Reopened", "TimedOut", "Refused", "Rejected")
        assert [told for told in self.told() if told.partition(".")[2] in bad] == []
        self.site.times[cause] = self.times()

    def orders(self) -> list[commands.Issued]:
        """Every order to the cluster since it began that changes something, whatever story it belongs to."""
        self.site.witness.look()
        found = [order for _, order in self.site.witness.all(commands.Issued, self._mark)]
        return [order for order in found if order.type is CommandType.REMEDIATION]

    def reports(self, reason: str) -> list[Reported]:
        """What the agent told since it began, for a reason."""
        found = [report for _, report in self.site.witness.all(Reported, self._mark)]
        return [report for report in found if report.reason == reason and report.namespace == self.story.space]

    def until_reported(self, reason: str, within: float = 120.0) -> None:
        """Wait until the agent has told, and the correlator has taken it in."""
        self.site.witness.until(lambda: self.reports(reason), f"{reason} in {self.story.space}", within)
        head = len(self.site.witness.history)
        self.site.witness.until(lambda: self.site.correlated(head, self._mark), "the correlator", within)

    def times(self) -> dict[str, float]:
        """Seconds from the injection to each moment."""
        seen: dict[str, float] = {}
        for each in self.events():
            for name, kind in MOMENTS.items():
                if isinstance(each.event, kind) and name not in seen:
                    seen[name] = round((each.occurred_at - self.began).total_seconds(), 1)
        return seen


class RealSite:
    """The platform, one cluster, its agent, and a hand on the cluster that may do everything."""

    def __init__(self, cluster: RealCluster, root: Path, settings: Mapping[str, str] = SETTINGS, **agent: str) -> None:
        """`agent`: settings of its own, by their names in the environment."""
        self.cluster = cluster
        self._agents_settings = agent
        self.installation = Installation(root, settings)
        self.witness: Witness
        self.admin: ClusterProbe
        self.times: dict[str, dict[str, float]] = {}
        """By cause, seconds from the fault to each moment."""
        self._log: Log

    @contextmanager
    def running(self) -> Iterator[RealSite]:
        """Run all of it; nothing is left afterwards."""
        self.admin = ClusterProbe(self.cluster.kubeconfig, "default")
        try:
            self.installation.start()
            with (
                Log(self.installation.dsn, pool_size=1) as self._log,
                closing(Witness(self.installation.dsn)) as self.witness,
                self._agent(),
            ):
                yield self
        finally:
            self.installation.stop()
            self.admin.close()
        assert self.installation.remains() == []

    @contextmanager
    def _agent(self) -> Iterator[None]:
        credentials = self.installation.enroll(CLUSTER)
        kubeconfig = kubeconfig_of_agent(self.admin, credentials.parent / "kubeconfig")
        words = ("agent", "--credentials", str(credentials), "--kubeconfig", str(kubeconfig))
        agent = Started((*words, "--proven-after", "0.5"), self.installation.root / "agent.log", self._agents_settings)
        try:
            self.witness.until(lambda: self.witness.all(Reported), "the agent's first report")
            yield
        finally:
            agent.stop()

    @contextmanager
    def space(self) -> Iterator[ClusterProbe]:
        """An empty namespace of the test's own."""
        name = f"shop-{uuid.uuid4().hex[:8]}"
        self.admin.create("Namespace", {"metadata": {"name": name}})
        yield self.admin.within(name)
        self.admin.kind("Namespace").delete(name=name)

    def trouble(self, space: str, name: str) -> Trouble:
        """Begin to follow what comes of a workload or, without a namespace, of a node."""
        return Trouble(self, self.witness.story(space, name))

    def approve(self, remediation_id: uuid.UUID) -> None:
        """Say yes, as the local user does."""
        folder = self.installation.folder
        port = (folder.root / "graphql.port").read_text().strip()

        async def say() -> None:
            async with Api(f"http://127.0.0.1:{port}/graphql", folder.token.read_text().strip()) as api:
                await say_yes(api, str(remediation_id))

        asyncio.run(say())

    @cached_property
    def keys(self) -> Keyring:
        """What opens the secrets of its log."""
        return Keyring(read_keys(self.installation.folder.state_keys, ""))

    def correlated(self, upto: int, after: int) -> bool:
        """Whether the correlator has taken in every report up to a position."""
        last = [each.position for each, _ in self.witness.all(Reported, after) if each.position <= upto]
        return self._log.checkpoint("incident_correlator") >= max(last, default=0)
