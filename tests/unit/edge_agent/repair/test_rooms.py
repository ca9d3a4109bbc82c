"""Where pods could go, by every rule that holds one back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from aetherius.domain.repair.drain_node import DrainNode
from aetherius.edge_agent.kubernetes_api import KubernetesApi
from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.repair.cluster import Stopwatch
from aetherius.edge_agent.repair.draining.plan import plan
from aetherius.edge_agent.repair.scheduling.pods import SchedulingPod
from aetherius.edge_agent.repair.scheduling.requests import amount, requests_of
from aetherius.edge_agent.repair.scheduling.rooms import Rooms
from aetherius.edge_agent.repair.scheduling.selectors import selects
from aetherius.edge_agent.repair.scheduling.volumes import Volumes
from fake_cluster import NODES, FakeApi, a_node, a_pod, cluster_of

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
WEB = {"matchLabels": {"app": "web"}}


def a_room(nodes: list[dict[str, Any]], pods: list[dict[str, Any]], api: FakeApi | None = None) -> Rooms:
    typed = [msgspec.convert(each, Node) for each in nodes]
    there = [msgspec.convert(each, SchedulingPod) for each in pods]
    return Rooms(typed, there, "n1", Volumes(cast(KubernetesApi, api or FakeApi())))


def placed(rooms: Rooms, **parts: Any) -> tuple[str, str]:
    return rooms.place(msgspec.convert(a_pod("web-1", "n1", **parts), SchedulingPod))


def required(kind: str, term: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def of_nodes(key: str, operator: str, *values: str) -> dict[str, Any]:
    rule = {"key": key, "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"requests": {"memory": "9Gi"}}, "too little memory"),
        ({"requests": {"cpu": "4500m"}}, "too little cpu"),
        ({"requests": {"nvidia.com/gpu": "1"}}, "too little nvidia.com/gpu"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "too little ephemeral-storage"),
        ({"requests": {"memory": "what?"}}, "too little memory"),
        ({"spec": {"nodeSelector": {"disk": "ssd"}}}, "its node selector or affinity"),
        ({"spec": of_nodes("disk", "In", "ssd")}, "its node selector or affinity"),
        ({"spec": of_nodes(HOST, "NotIn", "n2")}, "its node selector or affinity"),
        ({"spec": required("podAntiAffinity", {"topologyKey": HOST, "labelSelector": WEB})}, "its anti-affinity"),
        (
            {"spec": required("podAffinity", {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}})},
            "its affinity to other pods",
        ),
    ],
)
def test_what_no_node_can_give_has_no_room(parts: dict[str, Any], why: str) -> None:
    rooms = a_room([a_node("n1"), a_node("n2")], [a_pod("web-2", "n2")])
    node, said = placed(rooms, **parts)
    assert (node, why in said) == ("", True)


@pytest.mark.parametrize(
    "parts",
    [
        {"requests": {"memory": "7Gi", "cpu": "3"}},
        {"spec": of_nodes(HOST, "In", "n2")},
        {"spec": of_nodes("disk", "DoesNotExist")},
        {"spec": required("podAffinity", {"topologyKey": HOST, "labelSelector": WEB})},
        {"spec": required("podAntiAffinity", {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}})},
    ],
)
def test_what_one_can_give_has(parts: dict[str, Any]) -> None:
    assert placed(a_room([a_node("n1"), a_node("n2")], [a_pod("web-2", "n2")]), **parts) == ("n2", "")


def test_pods_that_shun_it_keep_it_off() -> None:
    shy = a_pod("db-1", "n2", "db", spec=required("podAntiAffinity", {"topologyKey": HOST, "labelSelector": WEB}))
    assert placed(a_room([a_node("n1"), a_node("n2")], [shy]))[1].endswith("the anti-affinity of a pod there")


def test_room_is_taken_once() -> None:
    rooms = a_room([a_node("n1"), a_node("n2")], [])
    assert placed(rooms, requests={"memory": "5Gi"})[0] == "n2"
    assert placed(rooms, requests={"memory": "5Gi"})[0] == ""


def test_an_even_spread_must_hold() -> None:
    rule = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB}
    nodes = [a_node("n1", labels={ZONE: "a"}), a_node("n2", labels={ZONE: "b"})]
    spread = {"topologySpreadConstraints": [rule]}
    assert placed(a_room(nodes, [a_pod("web-2", "n2")]), spec=spread)[0] == ""
    assert placed(a_room(nodes, []), spec=spread)[0] == "n2"
    easy = {"topologySpreadConstraints": [rule | {"whenUnsatisfiable": "ScheduleAnyway"}]}
    assert placed(a_room(nodes, [a_pod("web-2", "n2")]), spec=easy)[0] == "n2"


@pytest.mark.parametrize(("host", "target"), [("n1", ""), ("n2", "n2")])
def test_a_volume_goes_only_where_it_can_be_reached(host: str, target: str) -> None:
    api = FakeApi()
    rule = {"key": HOST, "operator": "In", "values": [host]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
    api.put("/api/v1/namespaces/shop/persistentvolumeclaims/data", {"metadata": {}, "spec": {"volumeName": "pv"}})
    api.put("/api/v1/persistentvolumes/pv", {"metadata": {}, "spec": {"nodeAffinity": affinity}})
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    assert placed(a_room([a_node("n1"), a_node("n2")], [], api), spec=volume)[0] == target


@pytest.mark.parametrize(("zone", "target"), [("b__c", "n2"), ("a", "")])
def test_an_older_volume_says_its_zones_by_a_label(zone: str, target: str) -> None:
    api = FakeApi()
    api.put("/api/v1/namespaces/shop/persistentvolumeclaims/data", {"metadata": {}, "spec": {"volumeName": "pv"}})
    api.put("/api/v1/persistentvolumes/pv", {"metadata": {"labels": {ZONE: zone}}, "spec": {}})
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    nodes = [a_node("n1", labels={ZONE: "a"}), a_node("n2", labels={ZONE: "b"})]
    assert placed(a_room(nodes, [], api), spec=volume)[0] == target


def test_a_large_cluster_is_counted() -> None:
    """What the neighbours say is worked out once a pod; once a pod and node would run into the suite's own limit."""
    nodes = [a_node(f"n{number}") for number in range(1, 401)]
    rule = {"maxSkew": 5, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB}
    apart = required("podAntiAffinity", {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "web"}}})
    spec = {**apart, "topologySpreadConstraints": [rule]}
    there = [a_pod(f"db-{number}", f"n{number % 400 + 1}", "db") for number in range(4000)]
    rooms = a_room(nodes, there)
    assert len({placed(rooms, spec=spec)[0] for _ in range(20)}) == 20


def test_a_volume_that_may_not_be_looked_at_is_out_of_reach() -> None:
    api = FakeApi()
    api.forbidden.add("/api/v1/namespaces/shop/persistentvolumeclaims/data")
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    assert "cannot be looked at" in placed(a_room([a_node("n1"), a_node("n2")], [], api), spec=volume)[1]


def test_room_is_counted_across_all_drains_and_waiting_pods(tmp_path: Path) -> None:
    api = FakeApi()
    api.put("/api/v1/namespaces/shop", {"metadata": {}})
    api.put(f"{NODES}/n1", a_node("n1"))
    api.put(f"{NODES}/n2", a_node("n2"))
    api.put(f"{NODES}/n3", a_node("n3", unschedulable=True, annotations={"aetherius.io/cordoned": "true"}))
    pods = "/api/v1/namespaces/shop/pods"
    api.put(f"{pods}/big-1", a_pod("big-1", "n1", requests={"memory": "3Gi"}))
    order = DrainNode(node="n1", mode="simulate")

    def decision() -> str:
        (found,) = plan(order, cluster_of(api, tmp_path), Stopwatch(5)).placements
        return found.decision

    assert decision() == "evict"
    api.put(f"{pods}/other", a_pod("other", "n3", "other", requests={"memory": "6Gi"}))
    assert decision() == "no_room", "the pods of another node that we drain need it"
    api.objects[f"{pods}/other"]["spec"]["nodeName"] = ""
    assert decision() == "no_room", "a pod that waits needs it"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("64Mi", 64 * 2**20),
        ("1500m", 1.5),
        ("2", 2),
        (3, 3),
        ("1e3", 1000),
        ("1E", 1e18),
        (".5Gi", 2**29),
        ("1Pi", 2**50),
    ],
)
def test_quantities(text: str, number: float) -> None:
    assert amount(text) == pytest.approx(number)


def test_a_text_that_is_no_quantity_asks_for_more_than_there_is() -> None:
    assert amount("lots") == amount("1K") == amount("-1") == amount("1e999") == float("inf")


def test_init_containers_and_sidecars_count_as_the_scheduler_counts() -> None:
    def holds(memory: str, **more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"memory": memory}}, **more}

    spec = {"initContainers": [holds("100", restartPolicy="Always"), holds("900")], "containers": [holds("300")]}
    pod = msgspec.convert({"metadata": {}, "spec": spec}, SchedulingPod)
    assert requests_of(pod)["memory"] == 1000


def test_selectors_choose_all_or_nothing_when_empty_or_missing() -> None:
    assert selects({}, {"app": "web"})
    assert not selects(None, {"app": "web"})
