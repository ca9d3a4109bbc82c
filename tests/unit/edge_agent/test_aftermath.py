"""What is told of pods and nodes that failed and are gone: only what was seen for the whole soak time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.wire.event import EventMessage, Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.errors import ClusterUnreachableError
from aetherius.edge_agent.telling.observation import Observation
from aetherius.edge_agent.telling.spool import Spool
from aetherius.edge_agent.watching.aftermath import Aftermath

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
COMPLETE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


class Site:
    """A spool, a clock set by hand, and the objects that the API server has."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.objects: dict[str, Any] = {}
        self.away = False
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.spool = Spool(Database(self._folder / "agent.db"), 10**6, "boot-1")
        self.aftermath = Aftermath("c1", self.find, self.spool, soak=60, clock=lambda: self.now)

    def find(self, path: str) -> dict[str, Any] | None:
        if self.away:
            raise ClusterUnreachableError(path, "away")
        found: dict[str, Any] | None = self.objects.get(path)
        return found

    def deployment(self, replicas: int = 2, **status: int) -> None:
        fields = {"metadata": {"generation": 2}, "spec": {"replicas": replicas}, "status": {**COMPLETE, **status}}
        self.objects[WEB] = fields

    def fails(self, uid: str, kind: str = "Pod", owner: str = "Deployment") -> None:
        labels = Labels(kind=kind, name=f"web-{uid}", owner_kind=owner, owner_name="web" if owner else "")
        observation = Observation(
            id=observation_id("c1", self.now, uid),
            cluster_id="c1",
            timestamp=self.now,
            source="container_status",
            severity=Severity.HIGH,
            reason="ErrImagePull",
            message="",
            namespace="" if kind == "Node" else "shop",
            labels=labels,
            uid=uid,
            failing=True,
        )
        self.spool.add([observation])

    def goes(self, *uids: str) -> None:
        self.spool.note_gone(uids, self.now.timestamp())

    def told_within(self, seconds: float) -> list[EventMessage]:
        end, before = self.now + timedelta(seconds=seconds), self.events()
        while self.now < end:
            self.aftermath.look()
            self.now += timedelta(seconds=1)
        return self.events()[len(before) :]

    def events(self) -> list[EventMessage]:
        batch = self.spool.take(1000)
        return [msgspec.json.decode(line, type=EventMessage) for line in batch.lines.splitlines()] if batch else []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_pod_that_is_gone_is_told_replaced_when_its_owner_was_well_for_the_soak_time(site: Site) -> None:
    site.deployment()
    site.fails("1")
    site.goes("1")
    assert site.told_within(58) == []
    (told,) = site.told_within(10)
    assert (told.reason, told.severity, told.labels.name, told.labels.owner_name) == (
        "PodReplaced",
        Severity.LOW,
        "web-1",
        "web",
    )
    assert told.message == (
        "web-1 is gone; Deployment web is complete (2 of 2 available, generation 2) and showed no failure for 60 s"
    )
    assert site.told_within(300) == []


@pytest.mark.parametrize(
    "status",
    [{"availableReplicas": 1}, {"updatedReplicas": 1}, {"replicas": 3}, {"observedGeneration": 1}],
    ids=["not available", "not updated", "old ones left", "not seen"],
)
def test_nothing_is_told_while_the_rollout_is_not_complete(site: Site, status: dict[str, int]) -> None:
    site.deployment(**status)
    site.fails("1")
    site.goes("1")
    assert site.told_within(600) == []


def test_an_owner_that_asks_for_no_pods_shows_nothing(site: Site) -> None:
    site.deployment(replicas=0)
    site.fails("1")
    site.goes("1")
    assert site.told_within(600) == []


def test_another_pod_of_the_owner_that_fails_begins_the_soak_again(site: Site) -> None:
    site.deployment()
    site.fails("1")
    site.goes("1")
    site.told_within(50)
    site.fails("2")
    assert site.told_within(120) == []
    site.goes("2")
    assert {each.labels.name for each in site.told_within(150)} == {"web-1", "web-2"}


def test_nothing_is_told_while_the_api_server_is_away(site: Site) -> None:
    site.fails("1")
    site.goes("1")
    site.away = True
    assert site.told_within(300) == []


def test_a_pod_that_went_with_its_owner_is_told_removed(site: Site) -> None:
    site.fails("1")
    site.goes("1")
    (told,) = site.told_within(120)
    assert (told.reason, told.message) == ("PodRemoved", "web-1 is gone, and so is Deployment web")


def test_a_bare_pod_is_looked_for_under_its_own_name(site: Site) -> None:
    site.fails("1", owner="")
    site.goes("1")
    path = "/api/v1/namespaces/shop/pods/web-1"
    site.objects[path] = {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert site.told_within(300) == []
    site.objects[path]["status"]["conditions"][0]["status"] = "True"
    assert [each.reason for each in site.told_within(150)] == ["PodReplaced"]


def test_a_node_that_came_back_as_another_object_is_ready_and_one_that_did_not_is_removed(site: Site) -> None:
    for uid in ("1", "2"):
        site.fails(uid, kind="Node", owner="Zone")
    site.goes("1", "2")
    site.objects["/api/v1/nodes/web-1"] = {
        "metadata": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert {(each.reason, each.labels.name) for each in site.told_within(120)} == {
        ("NodeReady", "web-1"),
        ("NodeRemoved", "web-2"),
    }


def test_what_is_gone_is_remembered_over_a_restart(site: Site) -> None:
    site.deployment()
    site.fails("1")
    site.goes("1")
    site.start()
    assert [each.reason for each in site.told_within(120)] == ["PodReplaced"]


def test_what_went_while_nobody_watched_is_missing_from_the_next_list(site: Site) -> None:
    site.deployment()
    for uid in ("1", "2"):
        site.fails(uid)
    site.spool.note_listed("Node", set())
    site.spool.note_listed("Pod", {"2"})
    gone = {uid for uid, found in site.spool.failing().items() if found.gone_at}
    assert gone == {"1"}


def test_of_an_owner_that_nobody_can_read_the_pods_are_looked_at(site: Site) -> None:
    site.fails("1", owner="Rollout")
    site.goes("1")
    assert site.told_within(100) == []
    owner = {"kind": "Rollout", "name": "web", "controller": True}
    pod: dict[str, Any] = {
        "metadata": {"name": "web-2", "namespace": "shop", "ownerReferences": [owner]},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }
    site.objects["/api/v1/namespaces/shop/pods"] = {"items": [pod]}
    site.objects["/api/v1/namespaces/shop/pods/web-2"] = pod
    assert site.told_within(100) == []
    pod["status"]["conditions"][0]["status"] = "True"
    (told,) = site.told_within(130)
    assert told.reason == "PodReplaced"
    assert "1 of 1 pods Ready" in told.message
