"""What a node's conditions tell besides its readiness, what is meant to become of it, and when an excuse ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.catalogue.event_reasons import event_reasons
from aetherius.domain.wire.event import Severity
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.kubernetes_objects import Condition, Node
from aetherius.edge_agent.telling.observation import Observation
from aetherius.edge_agent.telling.spool import Spool
from aetherius.edge_agent.watching.node_conditions import is_trouble, turns
from aetherius.edge_agent.watching.node_plans import Plan, plan_of
from aetherius.edge_agent.watching.node_status import readiness
from aetherius.edge_agent.watching.standing import PLANNED, REMOVAL, SERVICE, excuse_of_node

LOST = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def a_node(*conditions: dict[str, str], ready: str = "Unknown", spec: Any = None, **metadata: Any) -> Node:
    said = {"type": "Ready", "status": ready, "lastTransitionTime": LOST.isoformat()}
    about = {"name": "n1", "uid": "node-uid", **metadata}
    return msgspec.convert({"metadata": about, "spec": spec or {}, "status": {"conditions": [said, *conditions]}}, Node)


def told(*conditions: dict[str, str]) -> list[Observation]:
    return list(turns("c1", a_node(*conditions, ready="True"), event_reasons()))


@pytest.mark.parametrize(
    ("type_", "status", "wrong"),
    [
        ("MemoryPressure", "True", True),
        ("MemoryPressure", "False", False),
        ("MemoryPressure", "Unknown", None),
        ("NetworkUnavailable", "True", True),
        ("KernelDeadlock", "True", True),
        ("FrequentKubeletRestart", "True", True),
        ("ContainerRuntimeProblem", "True", True),
        ("ContainerRuntimeReady", "False", True),
        ("StorageReady", "True", False),
        ("EtcdIsVoter", "True", None),
        ("VMEventScheduled", "True", None),
        ("Ready", "False", None),
    ],
)
def test_which_conditions_are_trouble(type_: str, status: str, wrong: bool | None) -> None:
    assert is_trouble(Condition(type=type_, status=status)) is wrong


def test_trouble_is_told_in_the_clusters_own_words_with_its_severity() -> None:
    (seen,) = told(
        {"type": "ReadonlyFilesystem", "status": "True", "reason": "FilesystemIsReadOnly", "message": "sda1"}
    )
    assert (seen.reason, seen.severity, seen.part) == ("FilesystemIsReadOnly", Severity.CRITICAL, "ReadonlyFilesystem")
    assert seen.message == "ReadonlyFilesystem=True (FilesystemIsReadOnly): sda1"
    (unnamed,) = told({"type": "MemoryPressure", "status": "True"})
    assert (unnamed.reason, unnamed.severity) == ("MemoryPressure", Severity.HIGH)


def test_an_end_is_news_only_after_the_trouble_and_says_nothing_of_the_node(tmp_path: Path) -> None:
    spool = Spool(Database(tmp_path / "agent.db"), 1 << 20, "boot")
    well = told({"type": "DiskPressure", "status": "False", "lastTransitionTime": "2026-03-01T09:05:00Z"})
    ill = told({"type": "DiskPressure", "status": "True", "lastTransitionTime": "2026-03-01T09:01:00Z"})
    assert spool.add(well) == 0
    assert (spool.add(ill), spool.add(ill)) == (1, 0)
    assert spool.failing() == {}
    lost = readiness("c1", a_node(ready="True"), LOST)
    assert lost is not None
    assert spool.add([lost]) == 0, "the node was not lost, so it is not back"
    assert spool.add(well) == 1


def test_trouble_of_a_node_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    spool = Spool(Database(tmp_path / "agent.db"), 1 << 20, "boot")
    spool.add(told({"type": "DiskPressure", "status": "True"}))
    spool.note_listed("Node", {"node-uid"})
    well = told({"type": "DiskPressure", "status": "False", "lastTransitionTime": "2026-03-01T09:05:00Z"})
    assert spool.add(well) == 1, "it stands in the list"
    spool.add(told({"type": "PIDPressure", "status": "True"}))
    spool.note_listed("Node", set())
    assert (
        spool.add(told({"type": "PIDPressure", "status": "False", "lastTransitionTime": "2026-03-01T09:05:00Z"})) == 0
    )


@pytest.mark.parametrize(
    ("node", "plan"),
    [
        (a_node(), Plan.NONE),
        (a_node(spec={"unschedulable": True}), Plan.CORDON),
        (a_node(spec={"unschedulable": True}, annotations={"aetherius.io/cordoned": "x"}), Plan.NONE),
        (a_node(annotations={"weave.works/kured-reboot-in-progress": "2026-03-01T09:00:00Z"}), Plan.SERVICE),
        (a_node(annotations={"flatcar-linux-update.v1.flatcar-linux.net/reboot-in-progress": "false"}), Plan.NONE),
        (a_node(annotations={"machineconfiguration.openshift.io/state": "Working"}), Plan.SERVICE),
        (a_node(annotations={"machineconfiguration.openshift.io/state": "Done"}), Plan.NONE),
        (a_node(labels={"cloud.google.com/active-node-maintenance": "ONGOING"}), Plan.SERVICE),
        (a_node({"type": "VMEventScheduled", "status": "True"}), Plan.SERVICE),
        (a_node(spec={"taints": [{"key": "medik8s.io/drain"}]}), Plan.SERVICE),
        (a_node(spec={"taints": [{"key": "karpenter.sh/disrupted"}], "unschedulable": True}), Plan.REMOVAL),
        (a_node(spec={"taints": [{"key": "aws-node-termination-handler/spot-itn"}]}), Plan.REMOVAL),
        (a_node(spec={"taints": [{"key": "node.cloudprovider.kubernetes.io/shutdown"}]}), Plan.NONE),
        (a_node(deletionTimestamp="2026-03-01T09:00:00Z"), Plan.REMOVAL),
    ],
)
def test_what_is_meant_to_become_of_a_node(node: Node, plan: Plan) -> None:
    assert plan_of(node).plan is plan


@pytest.mark.parametrize(
    ("node", "term"),
    [
        (a_node(spec={"unschedulable": True}), SERVICE),
        (a_node(annotations={"weave.works/kured-reboot-in-progress": "now"}), SERVICE),
        (a_node(spec={"taints": [{"key": "ToBeDeletedByClusterAutoscaler"}]}), REMOVAL),
    ],
)
def test_an_excuse_has_an_end(node: Node, term: timedelta) -> None:
    assert excuse_of_node(node, LOST + term - timedelta(seconds=1)) == PLANNED
    assert excuse_of_node(node, LOST + term) == ""
    soon, late = readiness("c1", node, LOST), readiness("c1", node, LOST + term)
    assert soon is not None
    assert late is not None
    assert soon.id != late.id, "a loss that is excused no more is news"
    assert late.message.endswith("and is away for longer than that takes")


def test_a_node_that_is_there_is_excused_for_as_long_as_it_is_serviced() -> None:
    assert excuse_of_node(a_node(ready="True", spec={"unschedulable": True}), LOST + timedelta(days=9)) == PLANNED
