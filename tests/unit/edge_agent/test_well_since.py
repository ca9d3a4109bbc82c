"""An event is no news of what has been well since, or of what went before anybody saw it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aetherius.edge_agent.kubernetes_objects import (
    Condition,
    ContainerStatus,
    Metadata,
    Node,
    NodeStatus,
    Pod,
    PodStatus,
)
from aetherius.edge_agent.watching.well_since import GONE, MAX_KNOWN, PAST, WellSince

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CALM = timedelta(minutes=15)
MIRROR = {"kubernetes.io/config.mirror": "by-its-kubelet"}


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def a_pod(status: str, minutes: float, *, restarts: int = 0, name: str = "p") -> Pod:
    ready = Condition(type="Ready", status=status, last_transition_time=ago(minutes))
    containers = (ContainerStatus(name="app", restart_count=restarts),)
    return Pod(
        metadata=Metadata(namespace="shop", name=name, uid="u", annotations=MIRROR),
        status=PodStatus(conditions=(ready,), container_statuses=containers),
    )


def known(*pods: Pod) -> WellSince:
    well = WellSince(CALM, lambda: NOW)
    for pod in pods:
        well.learn_pod(pod)
    return well


@pytest.mark.parametrize(
    ("pod", "minutes", "excuse"),
    [
        (a_pod("True", 5), 6, PAST),
        (a_pod("True", 5), 5, ""),
        (a_pod("True", 5), 4, ""),
        (a_pod("False", 5), 6, ""),
        (a_pod("True", 5, restarts=3), 6, ""),
        (a_pod("True", 15, restarts=3), 16, PAST),
    ],
)
def test_an_event_from_before_the_pod_was_ready_is_past(pod: Pod, minutes: float, excuse: str) -> None:
    assert known(pod).excuse_of_pod("shop", "p", ago(minutes)) == excuse


def test_a_pod_that_is_not_listed_went_before_unless_it_may_be_too_new() -> None:
    well = known(a_pod("True", 5))
    assert well.excuse_of_pod("shop", "other", ago(30)) == ""
    well.note_listed({"u"})
    assert well.excuse_of_pod("shop", "other", ago(30)) == GONE
    assert well.excuse_of_pod("shop", "other", ago(0.5)) == ""


def test_an_event_without_the_pods_uid_or_with_its_kubelets_is_about_the_pod_all_the_same() -> None:
    well = known(a_pod("True", 5))
    assert [well.uid_of("shop", "p", said) for said in ("", "by-its-kubelet", "of-another")] == ["u", "u", "of-another"]
    assert well.uid_of("shop", "other", "") == ""


def test_of_more_pods_than_are_remembered_none_is_taken_for_gone() -> None:
    well = known(*(a_pod("True", 5, name=str(number)) for number in range(MAX_KNOWN)))
    well.note_listed({str(number) for number in range(MAX_KNOWN)})
    assert well.excuse_of_pod("shop", "other", ago(30)) == ""


def test_a_node_that_is_back_has_lost_nothing_before() -> None:
    well = known()
    ready = Condition(type="Ready", status="True", last_transition_time=ago(5))
    well.learn_node(Node(metadata=Metadata(name="n1"), status=NodeStatus(conditions=(ready,))))
    assert [
        well.excuse_of_node("n1", ago(6)),
        well.excuse_of_node("n1", ago(4)),
        well.excuse_of_node("n2", ago(6)),
    ] == [
        PAST,
        "",
        "",
    ]
