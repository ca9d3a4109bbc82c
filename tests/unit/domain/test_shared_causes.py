"""Which signs point to what many have in common, and what its failing means."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import About, EvidenceFile, Sign
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.fault.sharing.kinds import shipped_kinds
from aetherius.domain.fault.sharing.registry import host_of, is_private
from aetherius.domain.fault.sharing.shared_thing import SYMPTOM, SharedThing
from aetherius.domain.wire.analysis import RootCause
from aetherius.domain.wire.event import Labels, RawData
from aetherius.domain.words import UNKNOWN
from story_events import report

FAULTS, KINDS = shipped_faults(), shipped_kinds()


def pull(image: str = "ghcr.io/shop/web:1", said: str = "dial tcp: i/o timeout", **changes: Any) -> Reported:
    return report("ErrImagePull", message=said, raw_data=RawData(container="app", image=image), **changes)


def node(name: str = "n1", zone: str = "eu-1a") -> Reported:
    owner = ("Zone", zone) if zone else ("", "")
    labels = Labels(kind="Node", name=name, owner_kind=owner[0], owner_name=owner[1])
    return report("NodeNotReady", kind="Node", labels=labels)


def pointed(given: Reported) -> list[SharedThing]:
    shown = FAULTS.shown_by(given)
    assert shown is not None
    return KINDS.pointed_to(given, shown)


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("ghcr.io/shop/web:1", "ghcr.io"),
        ("GHCR.io/shop/web:1", "ghcr.io"),
        ("shop/web:1", "docker.io"),
        ("web", "docker.io"),
        ("web:5000", "docker.io"),
        ("localhost/web", "localhost"),
        ("registry:5000/web", "registry:5000"),
        ("[fd00::1]:5000/web@sha256:0", "[fd00::1]:5000"),
        ("/web", "docker.io"),
        ("", "docker.io"),
    ],
)
def test_the_host_of_an_image(image: str, host: str) -> None:
    assert host_of(image) == host


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("ghcr.io", False),
        ("registry.example.com:5000", False),
        ("registry:5000", True),
        ("localhost", True),
        ("10.0.0.1:5000", True),
        ("[fd00::1]:5000", True),
        ("harbor.corp.internal", True),
        ("registry.kube-system.svc:5000", True),
    ],
)
def test_a_name_that_may_mean_another_machine_elsewhere_is_each_clusters_own(host: str, private: bool) -> None:
    assert is_private(host) is private


@pytest.mark.parametrize(
    "said", ["dial tcp: i/o timeout", "429 Too Many Requests", "401 Unauthorized", "x509: expired"]
)
def test_a_registry_that_is_away_or_refuses_is_pointed_to_from_every_cluster(said: str) -> None:
    assert pointed(pull(said=said)) == [SharedThing(kind="Registry", name="ghcr.io")]
    [own] = pointed(pull("registry:5000/web", said=said))
    assert own == SharedThing(kind="Registry", name="registry:5000", cluster_id="north")


@pytest.mark.parametrize("said", ["manifest unknown", "exec format error", "ErrImageNeverPull: never pull", "hm"])
def test_an_image_that_is_not_there_points_to_nobody(said: str) -> None:
    assert pointed(pull(said=said)) == []


def test_the_image_is_read_from_the_message_where_the_status_does_not_say_it() -> None:
    said = 'Failed to pull image "quay.io/a/b:1": dial tcp: timeout'
    assert pointed(report("Failed", message=said, raw_data=RawData()))[0].name == "quay.io"
    assert pointed(report("Failed", message="failed to pull image: timeout", raw_data=RawData())) == []


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ErrImagePull", "no space left on device"),
        ("ImageInspectError", "failed to inspect"),
        ("RunContainerError", "runc: timed out"),
        ("CreateContainerError", "no space left on device"),
    ],
)
def test_what_a_node_lacks_points_to_the_node(reason: str, said: str) -> None:
    assert SharedThing(kind="Node", name="n1", cluster_id="north") in pointed(report(reason, message=said))


def test_a_command_that_cannot_run_does_not() -> None:
    assert pointed(report("RunContainerError", message="executable file not found")) == []
    lost = report("ErrImagePull", message="no space left on device", labels=Labels(kind="Pod", name="web-1"))
    assert pointed(lost) == [], "of a pod that is on no node that is known"


def test_a_lost_node_points_to_its_zone_and_to_the_cluster() -> None:
    cluster = SharedThing(kind="Cluster", name="north", cluster_id="north")
    assert pointed(node()) == [cluster, SharedThing(kind="Zone", name="eu-1a", cluster_id="north")]
    assert pointed(node(zone="")) == [cluster]
    assert KINDS.enough(cluster) > KINDS.enough(pointed(node())[1])


def test_a_missing_object_is_pointed_to_by_name() -> None:
    given = report("CreateContainerConfigError", message='secret "db" not found')
    assert pointed(given) == [SharedThing(kind="Secret", name="db", namespace="shop", cluster_id="north")]
    given = report("FailedMount", message='MountVolume.SetUp failed for volume "c" : configmap "settings" not found')
    assert pointed(given)[0].kind == "ConfigMap"
    assert pointed(report("CreateContainerConfigError", message="couldn't find key a in Secret shop/db")) == []


def file(kind: str, *signs: Reported) -> EvidenceFile:
    about = About(namespace="", kind=kind, name="it", symptom=SYMPTOM)
    found = [
        Sign(reason=s.reason, message=s.message, namespace=s.namespace, labels=s.labels, raw_data=s.raw_data)
        for s in signs
    ]
    return EvidenceFile(about=about, signs=found, outputs={})


def of(name: str) -> Any:
    return Labels(kind="Pod", name=f"{name}-1", node="n1", owner_kind="Deployment", owner_name=name)


@pytest.mark.parametrize(
    ("kind", "signs", "code"),
    [
        ("Registry", [pull(), pull(said="429"), pull()], "Registry"),
        ("Registry", [pull(said="429 too many requests")], "RateLimit"),
        ("Registry", [pull(said="denied")], "RegistryAuth"),
        ("Node", [report("ErrImagePull", message="no space left on device")], "NodeDisk"),
        ("Node", [report("RunContainerError", message="runc timed out")], "NodeRuntime"),
        ("Zone", [node(), node("n2")], "ZoneOutage"),
        ("Cluster", [node(), node("n2")], "ManyNodes"),
        ("Secret", [report("CreateContainerConfigError", message='secret "db" not found')], "Config"),
        ("Registry", [report("ErrImagePull", message="hm")], UNKNOWN),
        ("Node", [], UNKNOWN),
        ("Moon", [pull()], UNKNOWN),
    ],
)
def test_what_it_means(kind: str, signs: list[Reported], code: str) -> None:
    fault = FAULTS.of(SYMPTOM)
    assert fault is not None
    verdict = fault.judge(file(kind, *signs))
    assert FAULTS.code_of(RootCause(type=verdict.type, confidence=verdict.confidence), 0.6) == code
    assert verdict.recommendations == [], "nothing is repaired"


def test_the_members_are_counted_and_named() -> None:
    signs = [
        pull(labels=of(name), namespace=space) for name, space in (("web", "shop"), ("web", "shop"), ("api", "pay"))
    ]
    fault = FAULTS.of(SYMPTOM)
    assert fault is not None
    told = fault.judge(file("Registry", *signs)).evidence[0].finding
    assert told == "2 workloads cannot pull from it in 2 namespaces: shop/Deployment/web, pay/Deployment/api"
    many = [pull(labels=of(f"w{n}")) for n in range(9)]
    assert fault.judge(file("Registry", *many)).evidence[0].finding.endswith("shop/Deployment/w4 and 4 more")


def test_no_report_alone_shows_it() -> None:
    fault = FAULTS.of(SYMPTOM)
    assert fault is not None
    assert not any(fault.is_sign(each) for each in (pull(), node()))
