"""Nodes that fall silent, are replaced, or run out of disk."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from cluster_probe import MERGE, ClusterProbe, Document, eventually
from game_day import GameDay, Scenario, game_day
from game_hands import ZONE, deployed, find, lose, renewed, set_status, tell
from real_cluster import a_node

KUBELET_DOWN = [
    {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "container runtime is down"}
]
KUBELET_UP = [
    {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
]
EVICTED = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 200Mi."


@game_day(
    Scenario(
        title="a zone is lost: three nodes of nine",
        decoy="three nodes that failed one by one",
        harm="drains: what is left takes the load of a third more, and volumes are let go of in a zone that still writes",
        refuted_by="a drain of any node of the zone, asked for or done",
        says=frozenset({"NodeLost", "Zone", "ZoneOutage"}),
        source="https://github.com/ministryofjustice/cloud-platform",
    )
)
def test_a_lost_zone_is_no_nodes_trouble(day: GameDay) -> None:
    """All nodes of one zone fall silent in the same moment."""
    deployed(day.space(), "web", replicas=9)
    nodes = [each["metadata"]["name"] for each in day.admin.listed("Node", label_selector=f"{ZONE}=zone-c")]
    assert len(nodes) == 3
    day.begins()
    for node in nodes:
        day.finally_(partial(find, day.admin, node))
        lose(day.admin, node)
    day.until_diagnosed()


@game_day(
    Scenario(
        title="a node is cut off, and its pods still serve",
        decoy="a machine that is dead: its lease is stale, its state unknown",
        harm="the out-of-service taint: two pods write to one volume",
        refuted_by="that taint, even after a yes to the drain, as long as nobody says that the machine is off",
        says=frozenset({"NodeLost"}),
        asks=frozenset({"DrainNode"}),
    )
)
def test_a_node_that_is_only_cut_off_is_not_taken_for_dead(day: GameDay) -> None:
    """A partition: the control plane hears nothing of a node that runs on. A person says yes to the drain, and nothing of the machine."""
    space = day.space()
    deployed(space, "ledger", replicas=3)
    node = space.pods("ledger")[0]["spec"]["nodeName"]
    day.begins()
    day.finally_(lambda: find(day.admin, node))
    lose(day.admin, node)
    day.approve("DrainNode")
    day.until(lambda: [each for each in day.offers() if each.done], "the drain", within=180)
    taints = day.admin.get("Node", node)["spec"].get("taints") or []
    assert [each for each in taints if "out-of-service" in each["key"]] == []
    assert [each for each in day.writes() if "out-of-service" in str(each.get("requestObject"))] == []


@game_day(
    Scenario(
        title="a kubelet is restarted",
        decoy="a node that is lost",
        harm="a drain of a node that is back in seconds",
        refuted_by="a drain, asked for or done; an incident that stays open",
    ),
    short=True,
)
def test_a_kubelet_that_restarts_is_waited_for(day: GameDay) -> None:
    """It says that it is not ready, renews its lease all the time, and is ready again before the grace of the workflow is over."""
    space = day.space()
    deployed(space, "web", replicas=3)
    node = space.pods("web")[0]["spec"]["nodeName"]
    pods = {pod["metadata"]["uid"] for pod in space.pods("web")}
    day.begins()
    day.finally_(lambda: find(day.admin, node))
    with renewed(day.admin, node):
        lose(day.admin, node)
        _says_of_itself(day.admin, node, {"conditions": KUBELET_DOWN})
        day.until(lambda: [each for each in day.opened() if each.name == node], "an incident of the node")
        _says_of_itself(day.admin, node, {"conditions": KUBELET_UP})
        day.until(lambda: day.ended(), "its end")
        day.until_calm()
    assert day.ended() == ["recovered"]
    assert {pod["metadata"]["uid"] for pod in space.pods("web")} == pods


@game_day(
    Scenario(
        title="a kubelet says that it is not ready, and goes on saying so",
        decoy="a dead machine",
        harm="the out-of-service taint, or a drain without a person: the containers live and write",
        refuted_by="any mark on the node without a person's yes",
        says=frozenset({"NodeLost", "NodeNotReady", "NodeRuntime"}),
        asks=frozenset({"DrainNode"}),
    )
)
def test_a_kubelet_that_speaks_is_not_taken_for_dead(day: GameDay) -> None:
    """Its runtime is down, its lease is renewed all the time, and its containers run."""
    space = day.space()
    deployed(space, "ledger", replicas=3)
    node = space.pods("ledger")[0]["spec"]["nodeName"]
    day.begins()
    day.finally_(lambda: find(day.admin, node))
    lose(day.admin, node)
    _says_of_itself(day.admin, node, {"conditions": KUBELET_DOWN})
    with renewed(day.admin, node):
        day.until_diagnosed()
        assert not (day.admin.get("Node", node)["spec"].get("unschedulable"))
        [ready] = [each for each in day.admin.get("Node", node)["status"]["conditions"] if each["type"] == "Ready"]
        assert ready["status"] == "False", "the stage held"


@game_day(
    Scenario(
        title="a volume is still attached to a node that is cut off",
        decoy="the storage driver, or the app",
        harm="to delete the old pod by force, or to mark the node: two writers",
        refuted_by="a mark on the node or a deleted pod, as long as nobody says that the machine is off",
        says=frozenset({"NodeLost", "Mount"}),
        asks=frozenset({"DrainNode"}),
        source="https://github.com/jupyterhub/mybinder.org-deploy",
    )
)
def test_a_volume_is_not_torn_from_a_node_that_may_write(day: GameDay) -> None:
    """The node of the only replica is cut off; its replacement cannot attach the volume that the old pod holds."""
    space = day.space()
    deployed(space, "hub")
    old = space.pods("hub")[0]
    day.begins()
    day.finally_(lambda: find(day.admin, old["spec"]["nodeName"]))
    lose(day.admin, old["spec"]["nodeName"])
    space.kubectl("delete", "pod", old["metadata"]["name"], "--wait=false")
    new = eventually(lambda: space.pods("hub"))[0]
    told = 'Multi-Attach error for volume "pvc-1": Volume is already used by pod(s) ' + old["metadata"]["name"]
    tell(space, new | {"kind": "Pod", "apiVersion": "v1"}, "FailedAttachVolume", told)
    day.until_diagnosed()
    left = space.get("Pod", old["metadata"]["name"])
    assert left["metadata"]["uid"] == old["metadata"]["uid"]


@game_day(
    Scenario(
        title="all nodes of a pool are replaced at once",
        decoy="a zone outage",
        harm="drains, restarts and scaling while the new nodes come",
        refuted_by="any change; a node's incident that stays open after the node was removed",
        says=frozenset({"NodeLost", "Zone", "ZoneOutage"}),
        source="https://github.com/ministryofjustice/cloud-platform",
    )
)
def test_nodes_that_are_replaced_need_no_repair(day: GameDay) -> None:
    """An instance type is changed: three nodes fall silent and are removed within seconds, and three new ones join."""
    deployed(day.space(), "web", replicas=6)
    old, new = ("node-4", "node-5", "node-6"), ("node-14", "node-15", "node-16")
    day.begins()
    day.finally_(lambda: _replaced(day.admin, new, old))
    for node in old:
        lose(day.admin, node)
    day.until(lambda: [each for each in day.opened() if each.name in old], "an incident of a node")
    _replaced(day.admin, old, new)
    day.until(lambda: len(day.ended()) >= len(day.opened()), "the end of all")
    day.until_calm()


@game_day(
    Scenario(
        title="a log store fills a node's disk, and others are evicted",
        decoy="the pods that were evicted",
        harm="a drain, or a rollback or larger limits for the evicted",
        refuted_by="any repair of an evicted workload or of the node",
        says=frozenset({"Evicted", "NodeDisk"}),
        source="https://github.com/SREGym/SREGym/issues/537",
    )
)
def test_the_victims_of_a_full_disk_are_not_repaired(day: GameDay) -> None:
    """A node says that its disk is full, and its kubelet evicts the pods that used next to nothing of it."""
    space = day.space()
    deployed(space, "web", replicas=3)
    victim = space.pods("web")[0]
    node = victim["spec"]["nodeName"]
    day.begins()
    day.finally_(lambda: _has_disk_pressure(day.admin, node, "False"))
    _has_disk_pressure(day.admin, node, "True")
    tell(space, victim | {"kind": "Pod", "apiVersion": "v1"}, "Evicted", EVICTED)
    set_status(space, victim["metadata"]["name"], {"phase": "Failed", "reason": "Evicted", "message": EVICTED})
    eventually(lambda: space.is_complete("web"))
    day.until_calm()


def _says_of_itself(admin: ClusterProbe, node: str, status: Document) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    others = [each for each in admin.get("Node", node)["status"]["conditions"]]
    told = [each | {"lastHeartbeatTime": now, "lastTransitionTime": now} for each in status["conditions"]]
    kept = [each for each in others if each["type"] not in {one["type"] for one in told}]
    body = {"status": {"conditions": [*kept, *told]}}
    code, answer = admin.request("PATCH", f"/api/v1/nodes/{node}/status", body, content_type=MERGE)
    assert code == 200, answer


def _has_disk_pressure(admin: ClusterProbe, node: str, status: str) -> None:
    reason = "KubeletHasDiskPressure" if status == "True" else "KubeletHasNoDiskPressure"
    _says_of_itself(
        admin, node, {"conditions": [{"type": "DiskPressure", "status": status, "reason": reason, "message": reason}]}
    )


def _replaced(admin: ClusterProbe, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    for node in old:
        admin.kubectl("delete", "node", node, "--ignore-not-found", "--wait=false")
    for node in new:
        if admin.try_kubectl("get", "node", node).returncode:
            admin.create("Node", a_node(node, "zone-b"))
