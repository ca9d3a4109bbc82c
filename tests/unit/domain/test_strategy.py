"""Which workflow a report alone would start."""

from __future__ import annotations

import msgspec
import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.wire.event import Labels, Severity
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped

suggested_workflow = shipped_faults().suggested_workflow
DEFINITIONS = ShippedWorkflows(shipped(), {}).definitions


def a_report(reason: str, message: str = "", kind: str = "Pod") -> Reported:
    return Reported(
        cluster_id="north",
        source="kubelet",
        severity=Severity.HIGH,
        reason=reason,
        message=message,
        labels=Labels(kind=kind, name="web-1"),
        agent_id="a",
        epoch=1,
        sequence=1,
    )


@pytest.mark.parametrize(
    ("report", "workflow"),
    [
        (a_report("CrashLoopBackOff"), "diagnose_pod_crashloop"),
        (a_report("ImagePullBackOff"), "diagnose_image_pull"),
        (a_report("CreateContainerConfigError"), "diagnose_missing_config"),
        (a_report("FailedMount", 'configmap "c" not found'), "diagnose_missing_config"),
        (a_report("NodeNotReady", kind="Node"), "diagnose_lost_node"),
        (a_report("OOMKilled"), ""),
        (a_report("FailedMount", "timed out waiting"), ""),
        (a_report("CrashLoopBackOff", kind="Node"), ""),
        (a_report("Evicted"), ""),
    ],
    ids=lambda value: f"{value.reason} of a {value.labels.kind}" if isinstance(value, Reported) else value or "none",
)
def test_a_report_suggests_what_the_starter_would_start(report: Reported, workflow: str) -> None:
    assert suggested_workflow(report, DEFINITIONS) == workflow


def test_only_a_definition_in_force_is_suggested_and_only_by_its_own_triggers() -> None:
    report = a_report("CrashLoopBackOff")
    assert suggested_workflow(report, {}) == ""
    name = "diagnose_pod_crashloop"
    changed = msgspec.structs.replace(DEFINITIONS[name], triggers=["OOMKilled"])
    assert suggested_workflow(report, {name: changed}) == ""
    assert suggested_workflow(a_report("OOMKilled"), {name: changed}) == name
