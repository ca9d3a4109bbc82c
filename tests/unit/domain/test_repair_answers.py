"""What repairs say of themselves and make of an agent's answers, word for word: questions, risks, simulations, outcomes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair import notify
from aetherius.domain.repair.action import Approval, Circumstances, Foreseen, Order, Outcome, Phase, Repair
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import Risk, RiskLevel

LIMITS: dict[str, Any] = {
    "kind": "Deployment",
    "name": "web",
    "container": "app",
    "memory_limit": "128Mi",
    "expected_memory_limit": "64Mi",
}
DRAIN: dict[str, Any] = {"node": "n1", "mode": "execute"}


class Restart(Repair[notify.Notify]):
    """One that is taken back by itself."""

    name = "Restart"
    parameters = notify.Notify
    choice = "restart"
    base_risk = (RiskLevel.LOW, "it ends and begins")

    def phase(self, parameters: notify.Notify) -> Phase:
        return Phase.EXECUTE

    def object_of(self, parameters: notify.Notify) -> str:
        return "web"

    def verification(self, parameters: notify.Notify, output: str, patience: Patience) -> Order:
        return Order(action="VerifyWorkload", parameters={})


def repair(name: str) -> Repair[Any]:
    found = shipped_actions().repair(name)
    assert found is not None
    return found


def answer(**changes: Any) -> str:
    given: dict[str, Any] = {"action": "Restart", "changed": True, "summary": "done"}
    return msgspec.json.encode(RepairAnswer(**{**given, **changes})).decode()


def drain(*decisions: str, **changes: Any) -> str:
    pods: list[Any] = [
        {"namespace": "shop", "pod": f"web-{n}", "owner_kind": "ReplicaSet", "owner_name": "web", "decision": each}
        for n, each in enumerate(decisions)
    ]
    given: dict[str, Any] = {
        "node": "n1",
        "mode": "execute",
        "ready": "Unknown",
        "not_ready_seconds": 60,
        "placements": msgspec.convert([{**each, "why": "full"} for each in pods], list[PodPlacement]),
        "feasible": True,
    }
    return msgspec.json.encode(DrainNodeAnswer(**{**given, **changes})).decode()


class TestOrders:
    def test_an_order_is_named_after_its_action_and_keeps_what_was_proposed(self) -> None:
        given = {**LIMITS, "approved_by_person": True}
        assert repair("UpdateResourceLimits").ordered(given, Approval(by="system:policy")) == Order(
            action="UpdateResourceLimits", parameters=LIMITS
        )
        assert repair("UpdateResourceLimits").ordered(LIMITS, Approval(by="user:ann")) == Order(
            action="UpdateResourceLimits", parameters={**LIMITS, "approved_by_person": True}
        )

    def test_what_only_a_person_may_say_is_taken_from_the_approval(self) -> None:
        proposed = {**DRAIN, "may_lose_data": True}
        said = Approval(by="user:ann", comment="yes\n  Confirmed down, I was there")
        assert repair("DrainNode").ordered(proposed, said).parameters == {
            **DRAIN,
            "confirmed_down": True,
            "approved_by_person": True,
        }

    def test_an_order_of_a_newer_version_is_recalled_by_what_is_known_of_it(self) -> None:
        entry = repair("UpdateResourceLimits")
        assert entry.recalled({**LIMITS, "of_a_newer_version": 1}) == entry.parse(LIMITS)
        with pytest.raises(InvalidMessageError, match="name"):
            entry.recalled({**LIMITS, "name": ""})

    def test_a_simulation_is_the_same_order_in_another_mode(self) -> None:
        entry = repair("UpdateResourceLimits")
        assert entry.simulation(entry.parse(LIMITS)) == Order(
            action="UpdateResourceLimits", parameters={**LIMITS, "mode": "simulate"}
        )
        assert repair("Notify").simulation(notify.Notify()) is None

    def test_an_unknown_action_is_told_with_all_there_are(self) -> None:
        with pytest.raises(InvalidMessageError) as refused:
            shipped_actions().parse("Reboot", {})
        assert str(refused.value) == f"action: 'Reboot' is not one of {', '.join(shipped_actions().names)}"

    def test_a_notification_says_why_it_is_not_verified(self) -> None:
        with pytest.raises(NotImplementedError, match=r"\Aa notification is not verified\Z"):
            notify.ENTRY.verification(notify.Notify(), "", Patience())


class TestRisks:
    @pytest.mark.parametrize(
        ("name", "circumstances", "level", "why"),
        [
            (
                "UpdateResourceLimits",
                {"parameters": {"recreate": True}},
                RiskLevel.HIGH,
                "all replicas stop before new ones start",
            ),
            (
                "RollbackDeployment",
                {"cause": "Config"},
                RiskLevel.MEDIUM,
                "a change of configuration may be wanted, and the missing object on its way",
            ),
            (
                "RollbackDeployment",
                {"parameters": {"whole_template": True}},
                RiskLevel.HIGH,
                "undoes other changes of the template with the one that is at fault",
            ),
            (
                "UpdateResourceLimits",
                {"protected": "kube-system"},
                RiskLevel.HIGH,
                "namespace kube-system is protected: only a person may say yes",
            ),
        ],
    )
    def test_what_raises_one_is_told(
        self, name: str, circumstances: dict[str, Any], level: RiskLevel, why: str
    ) -> None:
        found = repair(name).risk(Circumstances(**{"cause": "Image", **circumstances}))
        assert (found.level, found.reasons[1:]) == (level, [why])

    def test_telling_somebody_of_a_protected_namespace_is_none(self) -> None:
        found = repair("Notify").risk(Circumstances(cause="OOM", protected="kube-system"))
        assert found == Risk(level=RiskLevel.NONE, reasons=["changes nothing"])


def test_a_person_is_asked_with_the_words_that_allow_more() -> None:
    asked = repair("DrainNode").question(repair("DrainNode").parse(DRAIN), "n1 is gone")
    words = '"confirmed down", "over the cordon", "may lose data"'
    assert asked == f"n1 is gone (a line of the comment that begins with one of {words} allows just that)"
    assert repair("Notify").question(notify.Notify(), "look") == "look"


class TestAnswers:
    def test_an_outcome_names_what_takes_it_back(self) -> None:
        output = answer(undo_action="Restart", undo_parameters={"a": 1}, warnings=["mind", "this"])
        undo = Order(action="Restart", parameters={"a": 1})
        assert Restart().outcome(output) == Outcome(summary="done; mind; this", undo=undo)
        assert Restart().outcome(answer()) == Outcome(summary="done")

    def test_a_simulation_is_told_in_the_agents_words(self) -> None:
        would = Restart().foreseen(
            answer(summary="would restart", changes=["a: 1 -> 2"], warnings=["mind"], seen=["uid 1"])
        )
        assert would == Foreseen(
            told="would restart",
            diff=["a: 1 -> 2"],
            warnings=["mind"],
            seen=["uid 1"],
            undo="nothing is known that would",
        )
        undone = Restart().foreseen(answer(undo_action="Restart", affected=["shop/Deployment/web"]))
        assert undone is not None
        assert (undone.undo, undone.affected) == ("Restart, if it does not help", ["shop/Deployment/web"])
        assert Restart().foreseen("{") is None

    def test_a_drain_that_is_simulated_says_who_could_not_move(self) -> None:
        entry = repair("DrainNode")
        would = entry.foreseen(drain("evict", "skip", "evict"))
        assert would is not None
        assert would.told == "cordon n1 and move 2 pods"
        assert would.diff[0] == "node n1: unschedulable: false -> true"
        assert len(would.diff) == 3
        told = "cordon n1 and move 1 pods; it could not move shop/web-1 (full), shop/web-2 (full)"
        stuck = entry.foreseen(drain("evict", "forbidden", "no_room", "skip"))
        assert stuck is not None
        assert stuck.told == told
        assert entry.foreseen("{") is None

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"moved": 0}, "cordoned n1 and moved 0 pods"),
            ({"moved": 7, "tainted": True}, "cordoned n1 and moved 7 pods, out-of-service taint set"),
            ({"ended": "its time was over"}, "cordoned n1 and moved 1 pods; it ended early: its time was over"),
            ({"left": ["a", "b"]}, "cordoned n1 and moved 1 pods; 2 left: a, b"),
            ({"left": list("abcdefg")}, "cordoned n1 and moved 1 pods; 7 left: a, b, c, d, e"),
            (
                {"left": ["a"], "taint": "the lease is young"},
                "cordoned n1 and moved 1 pods; no taint: the lease is young; 1 left: a",
            ),
            ({"taint": "the lease is young"}, "cordoned n1 and moved 1 pods"),
            (
                {"left": ["a"], "taint": "removes a", "tainted": True},
                "cordoned n1 and moved 1 pods, out-of-service taint set; 1 left: a",
            ),
        ],
    )
    def test_a_drain_that_is_done_says_what_it_did_and_what_it_left(self, changes: dict[str, Any], told: str) -> None:
        found = repair("DrainNode").outcome(drain("evict", "skip", **changes))
        assert found is not None
        assert found.summary == told
