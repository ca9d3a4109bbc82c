"""Controllers and kubelets round by round, at moments that the test chooses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aetherius.simulator.admission import admit_new
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.control_loop import controllers
from aetherius.simulator.documents import Document, condition
from aetherius.simulator.errors import ApiError
from aetherius.simulator.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, NODE, POD
from aetherius.simulator.kubelet.kubelet import Kubelet
from aetherius.simulator.kubelet.log_options import LogOptions
from aetherius.simulator.object_store import ObjectStore
from aetherius.simulator.settings import SimulatorSettings


class Rounds:
    """A cluster whose clock only goes on when it is told to."""

    def __init__(self, **settings: Any) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.cluster = Cluster(SimulatorSettings(**settings), lambda: self.now)
        self.cluster.furnish()
        self.kubelet = Kubelet(self.cluster)
        self._controllers = controllers(self.cluster, self.kubelet)

    def go_on(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now += timedelta(seconds=0.1)
            for controller in self._controllers:
                controller.step(self.now)

    def deploy(self, **template: Any) -> None:
        metadata = {"labels": {"app": "web"}, "annotations": template.pop("annotations", {})}
        container = {"name": "app", "image": "registry.test/app:v1"} | template
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}
        spec["template"] = {"metadata": metadata, "spec": {"containers": [container]}}
        body = {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
        self.cluster.store.create(DEPLOYMENT, admit_new(DEPLOYMENT, body, self.cluster.settings))

    @property
    def pods(self) -> list[Document]:
        return self.cluster.store.all(POD)


def test_the_back_off_of_a_crash_loop_grows_to_its_limit() -> None:
    rounds = Rounds(backoff_limit=4.0)
    rounds.deploy(annotations={"aetherius.test/working-set": "96Mi"}, resources={"limits": {"memory": "64Mi"}})
    seen = set()
    for _ in range(300):
        rounds.go_on(0.1)
        waiting = [
            s["state"].get("waiting") or {} for pod in rounds.pods for s in pod["status"].get("containerStatuses") or []
        ]
        seen |= {w["message"].split()[1] for w in waiting if w.get("reason") == "CrashLoopBackOff"}
    assert seen == {"1s", "2s", "4s"}


def test_the_previous_log_of_an_oom_kill_shows_the_growth() -> None:
    rounds = Rounds()
    rounds.deploy(annotations={"aetherius.test/working-set": "96Mi"}, resources={"limits": {"memory": "64Mi"}})
    rounds.go_on(4)
    name = rounds.pods[0]["metadata"]["name"]
    assert "heap_mib=64 limit_mib=64" in rounds.kubelet.log("default", name, LogOptions(previous=True, tail=1))


def test_a_lost_node_answers_no_log_request_and_a_flap_is_forgiven() -> None:
    rounds = Rounds(node_grace=8.0)
    rounds.deploy()
    rounds.go_on(3)
    pod = rounds.pods[0]
    node = rounds.cluster.store.get(NODE, "", pod["spec"]["nodeName"])
    with rounds.cluster.store.modify(NODE, node) as draft:
        draft["metadata"]["labels"]["aetherius.test/fault"] = "not-ready"
    with pytest.raises(ApiError) as refused:
        rounds.kubelet.log("default", pod["metadata"]["name"], LogOptions())
    assert refused.value.code == 500
    rounds.go_on(5)
    with rounds.cluster.store.modify(NODE, node) as draft:
        del draft["metadata"]["labels"]["aetherius.test/fault"]
    rounds.go_on(10)
    assert (condition(rounds.cluster.store.get(NODE, "", node["metadata"]["name"]), "Ready") or {})["status"] == "True"
    assert not [event for event in rounds.cluster.store.all(EVENT) if event["reason"] == "NodeNotReady"]


def test_a_quiet_cluster_changes_nothing_but_leases() -> None:
    rounds = Rounds()
    rounds.deploy()
    rounds.go_on(5)
    before = rounds.cluster.store.revision
    rounds.go_on(10)
    changes = rounds.cluster.store.changes(before)
    assert {change.kind.name for change in changes} == {"Lease"}


def test_the_history_is_bounded_and_says_so() -> None:
    store = ObjectStore(lambda: datetime(2026, 1, 1, tzinfo=UTC), history_limit=20)
    made = store.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "default"}, "data": {}})
    for number in range(40):
        with store.modify(CONFIG_MAP, made) as draft:
            draft["data"] = {"n": str(number)}
    with pytest.raises(ApiError) as refused:
        store.changes(int(made["metadata"]["resourceVersion"]))
    assert refused.value.code == 410
    assert [change.revision for change in store.changes(store.oldest)] == list(
        range(store.oldest + 1, store.revision + 1)
    )


def test_events_are_counted_and_bounded() -> None:
    rounds = Rounds(events_limit=10)
    rounds.deploy(envFrom=[{"configMapRef": {"name": "settings"}}])
    rounds.go_on(8)
    events = rounds.cluster.store.all(EVENT)
    assert len(events) <= 10
    assert max(event["count"] for event in events if event["reason"] == "Failed") > 3
