"""What is the matter with a node that is not ready: its kubelet's own words, or its silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from aetherius.domain.diagnosis import node_trouble
from aetherius.domain.diagnosis.node_trouble import trouble_of
from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.repair.drain_node import DrainNodeAnswer
from aetherius.domain.repair.node_health import NodeHealthAnswer, NodeTrouble
from aetherius.domain.wire.analysis import AnalysisContext, AnalysisRequest, AnalysisResponse

NOW = datetime(2026, 3, 1, 9, 16, tzinfo=UTC)
SINCE = NOW - timedelta(seconds=90)


def health(ready: str = "False", message: str = "", **parts: Any) -> NodeHealthAnswer:
    fields = {"node": "n1", "looked_at": NOW, "reason": "KubeletNotReady", "since": SINCE, "taints": [], "troubles": []}
    return NodeHealthAnswer(**{**fields, "ready": ready, "message": message, **parts})


def drain(ready: str = "Unknown", **parts: Any) -> DrainNodeAnswer:
    fields = {"node": "n1", "mode": "simulate", "not_ready_seconds": 90, "placements": [], "feasible": True}
    return DrainNodeAnswer(**{**fields, "ready": ready, **parts})


def judge(*answers: msgspec.Struct) -> AnalysisResponse:
    event = {"namespace": "", "kind": "Node", "name": "n1", "symptom": "node_not_ready"}
    logs = {f"step{at}": msgspec.json.encode(each).decode() for at, each in enumerate(answers)}
    context = AnalysisContext(event=event, events=[], logs=logs)
    request = AnalysisRequest(request_id="r", workflow_id="w", analysis_type="root_cause", context=context)
    return rules.analyze(request, shipped_faults())


def findings(response: AnalysisResponse) -> str:
    return "\n".join(each.finding for each in response.root_cause.evidence)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("container runtime is down", node_trouble.RUNTIME),
        ("PLEG is not healthy: pleg was last seen active 3m7s ago; threshold is 3m0s", node_trouble.RUNTIME),
        ("[container runtime is down, PLEG is not healthy]", node_trouble.RUNTIME),
        (
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:x: cni config",
            node_trouble.NETWORK,
        ),
        ("missing node capacity for resources: ephemeral-storage; image filesystem", node_trouble.DISK),
        ("write /var/lib/kubelet/x: no space left on device", node_trouble.DISK),
        ("fork: resource temporarily unavailable", node_trouble.PIDS),
        ("open /var/lib: read-only file system", node_trouble.KERNEL),
        ("CSINode is not yet initialized", node_trouble.KUBELET),
        ("", node_trouble.KUBELET),
    ],
)
def test_a_kubelet_that_lives_says_what_it_lacks(message: str, cause: str) -> None:
    assert trouble_of(health(message=message)).cause == cause


@pytest.mark.parametrize(
    ("type_", "cause"),
    [
        ("MemoryPressure", node_trouble.MEMORY),
        ("DiskPressure", node_trouble.DISK),
        ("PIDPressure", node_trouble.PIDS),
        ("NetworkUnavailable", node_trouble.NETWORK),
        ("KernelDeadlock", node_trouble.KERNEL),
        ("ReadonlyFilesystem", node_trouble.KERNEL),
        ("ContainerRuntimeUnhealthy", node_trouble.RUNTIME),
    ],
)
def test_where_it_does_not_say_its_other_conditions_do(type_: str, cause: str) -> None:
    found = trouble_of(health(troubles=[NodeTrouble(type=type_, status="True", reason="Why", message="said so")]))
    assert found.cause == cause
    assert f"{type_}=True (Why): said so" in [each.finding for each in found.evidence]


def test_a_silent_node_is_dead_or_cut_off_and_its_lease_tells_since_when() -> None:
    response = judge(health("Unknown", lease_renewed=NOW - timedelta(seconds=130), lease_seconds=40), drain())
    assert response.root_cause.type == node_trouble.UNREACHABLE
    assert "renewed its lease 130 s ago" in findings(response)
    assert [each.action for each in response.recommendations] == ["DrainNode"]
    assert any("out-of-service" in step for step in response.recommendations[0].steps)


def test_a_machine_that_the_cloud_says_is_off_is_no_riddle() -> None:
    response = judge(health("Unknown", off=True, taints=["node.cloudprovider.kubernetes.io/shutdown"]), drain())
    assert (response.root_cause.type, response.root_cause.confidence) == (node_trouble.OFF, 0.95)


def test_a_kubelet_that_renews_its_lease_lives_whatever_its_status_says() -> None:
    found = trouble_of(health("Unknown", lease_renewed=NOW - timedelta(seconds=8), lease_seconds=40))
    assert found.cause == node_trouble.KUBELET


def test_pods_of_a_runtime_that_is_down_may_move_and_no_taint_is_spoken_of() -> None:
    response = judge(health(message="container runtime is down"), drain("False"))
    assert [each.action for each in response.recommendations] == ["DrainNode"]
    assert not any("taint" in step for step in response.recommendations[0].steps)


@pytest.mark.parametrize("message", ["cni plugin not initialized", "no space left on device", "out of memory"])
def test_where_a_drain_would_mend_nothing_none_is_recommended(message: str) -> None:
    response = judge(health(message=message), drain("False"))
    assert response.recommendations == []
    assert "advice" in [each.source for each in response.root_cause.evidence]


def test_a_persons_cordon_is_respected() -> None:
    response = judge(health("Unknown", cordoned_by_other=True, plan="it was cordoned by somebody"), drain())
    assert response.recommendations == []
    assert "respected" in findings(response)


def test_a_node_that_is_ready_by_now_has_recovered() -> None:
    assert judge(health("True")).root_cause.type == "Recovered"
    assert judge(health("Unknown"), drain("True")).root_cause.type == "Recovered"


def test_without_the_look_the_drain_alone_speaks_as_it_always_did() -> None:
    response = judge(drain())
    assert response.root_cause.type == node_trouble.UNREACHABLE
    assert [each.action for each in response.recommendations] == ["DrainNode"]
