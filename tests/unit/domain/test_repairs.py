"""The repairs' entries: what each declares of itself, and how the set of them is asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair import notify
from aetherius.domain.repair.action import TOOL, Circumstances, Order, Outcome, Phase, Repair, decoded
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.repair.answers import RepairAnswer, VerificationAnswer, WorkloadRef
from aetherius.domain.repair.drain_node import DrainNode, DrainNodeAnswer, PodPlacement
from aetherius.domain.repair.patience import Patience
from aetherius.domain.repair.update_resource_limits import UpdateResourceLimits
from aetherius.domain.risk import Risk, RiskLevel

PATIENCE = Patience(soak=5, rollout=60, repair=30)
LIMITS: dict[str, Any] = {
    "kind": "Deployment",
    "name": "web",
    "container": "app",
    "memory_limit": "128Mi",
    "expected_memory_limit": "64Mi",
}
ROLLBACK: dict[str, Any] = {"name": "web", "to_revision": 1, "expected_revision": 2}
DRAIN: dict[str, Any] = {"node": "n1", "mode": "execute"}
VERIFY: dict[str, Any] = {"kind": "Deployment", "name": "web", "soak_seconds": 5, "deadline_seconds": 60}
EVACUATION: dict[str, Any] = {"node": "n1", "workloads": [], "deadline_seconds": 60}
HISTORY: dict[str, Any] = {"kind": "Deployment", "name": "web"}
EVERY = {
    "UpdateResourceLimits": (LIMITS, "web"),
    "RollbackDeployment": (ROLLBACK, "web"),
    "DrainNode": (DRAIN, "n1"),
    "VerifyWorkload": (VERIFY, "web"),
    "VerifyEvacuation": (EVACUATION, "n1"),
    "WorkloadHistory": (HISTORY, "web"),
    "NodePressure": ({"pod": "web-1"}, "web-1"),
    "PodConfig": ({"pod": "web-1"}, "web-1"),
    "NodeHealth": ({"node": "n1"}, "n1"),
    "Notify": ({}, ""),
}


def repair(name: str) -> Repair[Any]:
    found = shipped_actions().repair(name)
    assert found is not None
    return found


def risk(name: str, **circumstances: Any) -> Risk:
    return repair(name).risk(Circumstances(**{"cause": "Image", **circumstances}))


def drained(mode: str = "execute", *, feasible: bool = True, tainted: bool = False) -> str:
    pods = [
        PodPlacement(namespace="shop", pod=pod, owner_kind="ReplicaSet", owner_name="web", decision=decision)  # type: ignore[arg-type]
        for pod, decision in (("web-1", "evict"), ("web-2", "evict"), ("log-1", "skip"))
    ]
    answer = DrainNodeAnswer(
        node="n1",
        mode=mode,
        ready="Unknown",
        not_ready_seconds=60,
        placements=pods,
        feasible=feasible,
        tainted=tainted,
        workloads=[WorkloadRef(kind="Deployment", namespace="shop", name="web")],
    )
    return msgspec.json.encode(answer).decode()


def test_the_tool_is_called_so_on_the_wire() -> None:
    assert TOOL == "repair"


def test_every_entry_is_known_by_its_name() -> None:
    assert set(shipped_actions().names) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_an_entry_takes_its_parameters_and_names_its_object(name: str) -> None:
    given, object_name = EVERY[name]
    action, parameters = shipped_actions().parse(name, given)
    assert action.name == name
    assert action.object_of(parameters) == object_name
    assert action.fits(parameters, object_name)
    assert action.fits(parameters, "another") == (name == "Notify")


@pytest.mark.parametrize("name", EVERY)
def test_an_unknown_parameter_is_refused_by_name(name: str) -> None:
    given, _ = EVERY[name]
    with pytest.raises(InvalidMessageError, match=f"parameters of {name}.*`surprise`"):
        shipped_actions().parse(name, {**given, "surprise": 1})


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("UpdateResourceLimits", {"kind": "StatefulSet"}, "kind"),
        ("UpdateResourceLimits", {"name": ""}, "name"),
        ("UpdateResourceLimits", {"container": "c" * 254}, "container"),
        ("UpdateResourceLimits", {"mode": "verify"}, "mode"),
        ("RollbackDeployment", {"to_revision": 0}, "to_revision"),
        ("RollbackDeployment", {"expected_revision": 0}, "expected_revision"),
        ("DrainNode", {"mode": "now"}, "mode"),
        ("DrainNode", {"deadline_seconds": 601}, "deadline_seconds"),
        ("DrainNode", {"deadline_seconds": -1}, "deadline_seconds"),
        ("VerifyWorkload", {"soak_seconds": 601}, "soak_seconds"),
        ("VerifyWorkload", {"deadline_seconds": -0.1}, "deadline_seconds"),
        ("VerifyEvacuation", {"deadline_seconds": 601}, "deadline_seconds"),
        ("VerifyEvacuation", {"workloads": [{"kind": "Deployment"}]}, "workloads"),
        ("WorkloadHistory", {"kind": "Node"}, "kind"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_by_name(name: str, change: dict[str, Any], rule: str) -> None:
    given, _ = EVERY[name]
    with pytest.raises(InvalidMessageError, match=rf"\$\.{rule}"):
        shipped_actions().parse(name, {**given, **change})


@pytest.mark.parametrize("change", [{"name": "n" * 253}, {"mode": "simulate"}, {"mode": "restore"}])
def test_what_is_just_within_bounds_is_taken(change: dict[str, Any]) -> None:
    assert shipped_actions().parse("UpdateResourceLimits", {**LIMITS, **change})


def test_an_action_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidMessageError, match=r"'Reboot' is not one of .*DrainNode.*"):
        shipped_actions().parse("Reboot", {})


@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment", "DrainNode"])
@pytest.mark.parametrize(("mode", "changes"), [("simulate", False), ("execute", True), ("restore", True)])
def test_a_repairs_mode_says_what_it_asks(name: str, mode: str, changes: bool) -> None:
    given, _ = EVERY[name]
    phase = shipped_actions().parse(name, {**given, "mode": mode}).phase
    assert (phase.value, phase.changes) == (mode, changes)


@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment"])
def test_a_repair_is_executed_unless_it_is_told_otherwise(name: str) -> None:
    assert shipped_actions().parse(name, EVERY[name][0]).phase is Phase.EXECUTE


def test_a_drain_must_be_told_its_mode() -> None:
    with pytest.raises(InvalidMessageError, match="mode"):
        shipped_actions().parse("DrainNode", {"node": "n1"})


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("VerifyWorkload", Phase.VERIFY),
        ("VerifyEvacuation", Phase.VERIFY),
        ("WorkloadHistory", Phase.READ),
        ("Notify", Phase.READ),
    ],
)
def test_a_look_changes_nothing(name: str, phase: Phase) -> None:
    found = shipped_actions().parse(name, EVERY[name][0]).phase
    assert found is phase
    assert not found.changes


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("increase_memory", "UpdateResourceLimits"),
        ("rollback_deployment", "RollbackDeployment"),
        ("drain_node", "DrainNode"),
        ("notify_owner", "Notify"),
    ],
)
def test_a_decision_calls_a_repair_by_its_choice(choice: str, name: str) -> None:
    assert shipped_actions().choices[choice].name == name
    assert len(shipped_actions().choices) == 4


@pytest.mark.parametrize("name", ["VerifyWorkload", "VerifyEvacuation", "WorkloadHistory", "Reboot"])
def test_what_only_looks_or_is_not_known_is_no_repair(name: str) -> None:
    assert shipped_actions().repair(name) is None


def test_only_a_notification_is_not_for_a_cluster() -> None:
    assert [each.name for each in shipped_actions().choices.values() if not each.on_cluster] == ["Notify"]


@pytest.mark.parametrize(
    ("name", "level", "why"),
    [
        ("UpdateResourceLimits", RiskLevel.LOW, "a rolling update with a higher memory limit"),
        ("RollbackDeployment", RiskLevel.LOW, "back to a revision that was available; the present one never became so"),
        ("DrainNode", RiskLevel.HIGH, "moves every pod of a node"),
        ("Notify", RiskLevel.NONE, "changes nothing"),
    ],
)
def test_a_repair_has_a_base_risk(name: str, level: RiskLevel, why: str) -> None:
    assert risk(name) == Risk(level=level, reasons=[why])


def test_going_back_from_a_release_that_needs_more_memory_asks_a_person() -> None:
    found = risk("RollbackDeployment", cause="OOM")
    assert found.level is RiskLevel.MEDIUM
    assert found.approval_required


def test_going_back_from_a_change_of_configuration_asks_a_person() -> None:
    found = risk("RollbackDeployment", cause="Config")
    assert (found.level, found.approval_required) == (RiskLevel.MEDIUM, True)
    assert "may be wanted" in found.reasons[1]
    assert not risk("RollbackDeployment", cause="Image").approval_required


@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment"])
def test_trouble_that_came_back_asks_a_person(name: str) -> None:
    found = risk(name, reopened=2)
    assert found.level is RiskLevel.MEDIUM
    assert found.reasons[1:] == ["the trouble came back 2 time(s) after a repair"]


def test_a_high_risk_stays_high_when_something_else_raises_it() -> None:
    assert risk("DrainNode", reopened=1).level is RiskLevel.HIGH


def test_telling_somebody_again_is_no_risk() -> None:
    assert risk("Notify", reopened=3, repeated=True) == Risk(level=RiskLevel.NONE, reasons=["changes nothing"])


def test_a_limit_that_was_raised_before_asks_a_person_and_says_so_once() -> None:
    assert risk("UpdateResourceLimits", repeated=True).reasons[1:] == ["the trouble came back 1 time(s) after a repair"]
    assert len(risk("UpdateResourceLimits", repeated=True, reopened=1).reasons) == 2
    assert not risk("UpdateResourceLimits").approval_required


def test_only_raising_a_limit_is_remembered() -> None:
    kept = {each.name: each.once_key("north/shop/Deployment/web") for each in shipped_actions().choices.values()}
    assert {name: key for name, key in kept.items() if key} == {"UpdateResourceLimits": "north/shop/Deployment/web"}


@pytest.mark.parametrize(("name", "watch_oom"), [("UpdateResourceLimits", True), ("RollbackDeployment", False)])
def test_a_rollout_is_watched(name: str, watch_oom: bool) -> None:
    entry = repair(name)
    order = entry.verification(entry.parse(EVERY[name][0]), "whatever", PATIENCE)
    assert order == Order(action="VerifyWorkload", parameters={**VERIFY, "watch_oom": watch_oom})
    assert shipped_actions().parse(order.action, order.parameters).phase is Phase.VERIFY


def test_an_evacuation_is_watched_for_the_workloads_that_the_agent_named() -> None:
    entry = repair("DrainNode")
    order = entry.verification(entry.parse(DRAIN), drained(), PATIENCE)
    workload = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    assert order.action == "VerifyEvacuation"
    assert order.parameters == {"node": "n1", "workloads": [workload], "deadline_seconds": 60}
    assert shipped_actions().parse(order.action, order.parameters)


def test_without_the_agents_answer_it_is_watched_that_nothing_is_left() -> None:
    entry = repair("DrainNode")
    order = entry.verification(entry.parse(DRAIN), "cut off {", PATIENCE)
    assert order.parameters == {"node": "n1", "workloads": [], "deadline_seconds": 60, "only_left": True}


def test_a_notification_is_never_verified() -> None:
    with pytest.raises(NotImplementedError):
        notify.ENTRY.verification(notify.Notify(), "", PATIENCE)


@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment"])
def test_what_would_put_a_bad_state_back_is_not_ordered_by_itself(name: str) -> None:
    answer = RepairAnswer(
        action=name, changed=True, summary="done", undo_action=name, undo_parameters={"name": "web"}, warnings=["mind"]
    )
    assert repair(name).outcome(msgspec.json.encode(answer).decode()) == Outcome(summary="done; mind")
    assert "person" in repair(name).no_undo


def test_a_change_of_the_template_beyond_the_fault_needs_a_person() -> None:
    assert not risk("RollbackDeployment", parameters={"only_images": True}).approval_required
    assert risk("RollbackDeployment", parameters={"whole_template": True}).level is RiskLevel.HIGH


def test_an_outage_during_the_change_needs_a_person() -> None:
    assert risk("UpdateResourceLimits", parameters={"recreate": True}).level is RiskLevel.HIGH


def test_an_answer_without_an_undo_has_none() -> None:
    output = msgspec.json.encode(RepairAnswer(action="x", changed=True, summary="done")).decode()
    assert repair("RollbackDeployment").outcome(output) == Outcome(summary="done")


@pytest.mark.parametrize("output", ["", "{", "[sealed with key k1]", "{}", "[" * 100_000])
@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment", "DrainNode"])
def test_an_answer_that_cannot_be_read_says_nothing(name: str, output: str) -> None:
    assert repair(name).outcome(output) is None


def test_a_drain_says_how_many_pods_it_moved_and_how_it_is_undone() -> None:
    undo = Order(action="DrainNode", parameters={"node": "n1", "mode": "restore"})
    assert repair("DrainNode").outcome(drained()) == Outcome(summary="cordoned n1 and moved 2 pods", undo=undo)
    tainted = repair("DrainNode").outcome(drained(tainted=True))
    assert tainted is not None
    assert tainted.summary == "cordoned n1 and moved 2 pods, out-of-service taint set"


def test_a_drain_that_was_not_possible_was_not_done() -> None:
    found = repair("DrainNode").outcome(drained(feasible=False))
    assert found is not None
    assert not found.done


def test_a_restored_node_has_nothing_to_undo() -> None:
    assert repair("DrainNode").outcome(drained("restore")) == Outcome(summary="our marks are off n1")


def test_only_a_drain_leaves_marks_to_clean_up() -> None:
    restore = Order(action="DrainNode", parameters={"node": "n1", "mode": "restore"})
    left = {name: repair(name).clean_up(repair(name).parse(given)) for name, given in _repairs()}
    assert left == {"UpdateResourceLimits": None, "RollbackDeployment": None, "DrainNode": restore, "Notify": None}


def _repairs() -> list[tuple[str, dict[str, Any]]]:
    return [(name, given) for name, (given, _) in EVERY.items() if shipped_actions().repair(name)]


@pytest.mark.parametrize("name", ["UpdateResourceLimits", "RollbackDeployment", "DrainNode", "Notify"])
def test_a_person_is_asked_with_the_reason(name: str) -> None:
    question = repair(name).question(repair(name).parse(EVERY[name][0]), "because")
    assert question.startswith("because")
    assert all(words in question for words in repair(name).spoken.values())


def test_the_undo_of_a_limit_is_the_limit_before_executed() -> None:
    order = msgspec.convert({**LIMITS, "mode": "restore"}, UpdateResourceLimits)
    assert msgspec.to_builtins(order.undone) == {
        **LIMITS,
        "memory_limit": "64Mi",
        "expected_memory_limit": "128Mi",
    }


def test_a_drain_has_a_minute_and_means_any_node_unless_told_otherwise() -> None:
    order = msgspec.convert(DRAIN, DrainNode)
    assert (order.deadline_seconds, order.only_lost) == (60.0, False)


def test_a_verification_may_take_rollout_soak_and_some_slack() -> None:
    assert PATIENCE.verification == 75.0
    assert Patience() == Patience(soak=60.0, rollout=300.0, repair=120.0)


def test_an_answer_of_another_shape_is_none() -> None:
    assert decoded('{"verified": true, "summary": "well"}', VerificationAnswer) is not None
    assert decoded('{"verified": "yes", "summary": "well"}', VerificationAnswer) is None
