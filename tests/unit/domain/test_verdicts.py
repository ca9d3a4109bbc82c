"""The rule of each fault, word for word: the cause, how sure it is, why, and what would help."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aetherius.domain.diagnosis.evidence import Sign
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.wire.analysis import Evidence, Recommendation
from evidence_builders import NOON, a_file, described, ended, kill, minutes, pressure, revision, rollout, sign

WELL = rollout(revision(2, available=2))
NOT_FOUND = "manifest unknown"


def judge(symptom: str, *signs: Sign, about: dict[str, Any] | None = None, **outputs: str) -> Verdict:
    fault = shipped_faults().of(symptom)
    assert fault is not None
    return fault.judge(a_file(*signs, about={"symptom": symptom, **(about or {})}, **outputs))


def seen(finding: str, weight: float = 0.4, source: str = "events") -> Evidence:
    return Evidence(source=source, finding=finding, weight=weight)


def of_rollout(finding: str, weight: float = 1.0) -> Evidence:
    return seen(finding, weight, "rollout")


RECOVERED = Verdict(
    type="Recovered", confidence=0.9, evidence=[of_rollout("all 2 replicas of revision 2 are available now")]
)


class TestCrashLoop:
    KILLS = (kill(NOON), sign("BackOff", "Back-off restarting failed container"))

    def test_a_limit_is_doubled_by_a_rolling_update(self) -> None:
        assert judge("crash_loop", *self.KILLS) == Verdict(
            type="OOMKiller",
            confidence=0.75,
            evidence=[seen("web-1/app: OOMKilled (exit code 137), memory limit 64Mi", 0.5)],
            recommendations=[
                Recommendation(
                    action="UpdateResourceLimits",
                    confidence=0.8,
                    risk="low",
                    impact="rolling update of web",
                    steps=["set the memory limit of app from 64Mi to 128Mi"],
                    rollback=["set the memory limit of app back to 64Mi"],
                    parameters={
                        "kind": "Deployment",
                        "name": "web",
                        "container": "app",
                        "memory_limit": "128Mi",
                        "expected_memory_limit": "64Mi",
                    },
                )
            ],
        )

    def test_one_that_ran_out_of_the_nodes_memory_has_no_limit_that_is_too_low(self) -> None:
        found = judge("crash_loop", *self.KILLS, node=pressure((NOON, NOON, "Killed process 7")))
        assert (found.type, found.confidence, found.recommendations) == ("NodeOutOfMemory", 0.85, [])
        assert [each.source for each in found.evidence] == ["node", "events"]

    def test_one_without_a_container_or_a_limit_is_left_to_a_person(self) -> None:
        assert judge("crash_loop", kill(NOON, container=""), sign("BackOff", container="")).recommendations == []

    @pytest.mark.parametrize(("limit", "wanted"), [("8Gi", ["16Gi"]), ("8193Mi", [])])
    def test_one_is_raised_up_to_a_bound(self, limit: str, wanted: list[str]) -> None:
        found = judge("crash_loop", kill(NOON, memory_limit=limit), self.KILLS[1])
        assert [each.parameters["memory_limit"] for each in found.recommendations] == wanted

    def test_a_slow_leak_raises_nothing_but_what_came_back_is_a_persons_decision(self) -> None:
        assert judge("crash_loop", kill(NOON)).recommendations == []
        came_back = judge("crash_loop", *self.KILLS, about={"reopened": 1})
        assert len(came_back.recommendations) == 1
        assert came_back.evidence[-1].finding.startswith("it came back 1 time(s)")

    def test_what_else_was_seen_is_told_where_it_was_no_kill(self) -> None:
        look = described(app=ended("Last State", "Error", 2)) + "\n" + "  :\n"
        probes = (sign("Unhealthy", "first"), sign("Unhealthy", "Liveness probe failed"))
        overtaken = (kill(NOON), sign("CrashLoopBackOff", first_timestamp=minutes(1), exit_code=2))
        found = judge("crash_loop", *probes, *overtaken, look=look)
        assert found.type == "unknown"
        assert [(each.source, each.finding, each.weight) for each in found.evidence] == [
            ("look", "app ended with Error, exit code 2", 0.3),
            (
                "events",
                "web-1/app: OOMKilled (exit code 137), memory limit 64Mi, but it has ended otherwise since",
                0.1,
            ),
            ("events", "Liveness probe failed", 0.3),
        ]

    def test_an_end_of_nobody_knows_which_container_is_told_so(self) -> None:
        (found,) = judge("crash_loop", look=ended("Last State", "Error", 2)).evidence
        assert found.finding == "a container ended with Error, exit code 2"


class TestImagePull:
    PULL = sign("ErrImagePull", NOT_FOUND, image="web:2")
    BEFORE = revision(1, was_available=True)

    def test_an_image_that_the_rollout_brought_is_taken_back(self) -> None:
        found = judge("image_pull", self.PULL, look=rollout(self.BEFORE, revision(2, "web:2"), managed_by="flux"))
        finding = "revision 2 changed app: web:1 -> web:2; revision 1 was available"
        assert (found.type, found.confidence) == ("BadImageRollout", 0.92)
        assert found.evidence == [
            seen(NOT_FOUND),
            of_rollout(finding, 0.6),
            of_rollout("managed by flux: repair it in its repository"),
        ]
        found = judge("image_pull", self.PULL, look=rollout(self.BEFORE, revision(2, "web:2")))
        assert [each.parameters for each in found.recommendations] == [
            {"name": "web", "to_revision": 1, "expected_revision": 2, "only_images": True}
        ]

    def test_a_container_that_the_rollout_added_is_told_with_nothing_before_it(self) -> None:
        after = revision(2, images={"app": "web:1", "extra": "web:2", "more": "web:2"})
        found = judge("image_pull", self.PULL, look=rollout(self.BEFORE, after))
        assert "changed extra:  -> web:2; more:  -> web:2;" in found.evidence[1].finding

    def test_without_the_image_in_the_signs_every_image_may_be_the_one(self) -> None:
        found = judge("image_pull", sign("ErrImagePull", NOT_FOUND), look=rollout(self.BEFORE, revision(2, "web:2")))
        assert found.type == "BadImageRollout"

    def test_one_that_was_there_before_or_is_not_there_now_is_unknown(self) -> None:
        found = judge(
            "image_pull", self.PULL, look=rollout(revision(1, "web:2", was_available=True), revision(2, "web:2"))
        )
        finding = "revision 1 ran with the image that fails: it was there before, and the rollout did not bring it"
        assert found == Verdict(type="unknown", confidence=0.0, evidence=[seen(NOT_FOUND), of_rollout(finding)])
        found = judge("image_pull", self.PULL, look=rollout(self.BEFORE, revision(2, "web:3")))
        assert found.evidence == [seen(NOT_FOUND), of_rollout("the image that failed is not in the present revision")]
        assert found.type == "unknown"

    def test_without_an_earlier_revision_or_a_look_the_image_is_missing_and_nothing_goes_back(self) -> None:
        for look, finding in (
            (rollout(revision(2, "web:2")), "no earlier revision is known to have been available"),
            ("x", "the workload's revisions could not be seen: whether a rollout brought it is not known"),
        ):
            assert judge("image_pull", self.PULL, look=look) == Verdict(
                type="ImageNotFound", confidence=0.7, evidence=[seen(NOT_FOUND), of_rollout(finding)]
            )

    def test_another_cause_is_told_and_the_latest_sign_that_tells_one_counts(self) -> None:
        signs = (self.PULL, sign("ErrImagePull", "toomanyrequests"), sign("ImagePullBackOff"))
        assert judge("image_pull", *signs) == Verdict(
            type="PullRateLimit", confidence=0.8, evidence=[seen("toomanyrequests")]
        )
        assert judge("image_pull", sign("InvalidImageName")).evidence == [seen("InvalidImageName")]

    def test_where_nothing_tells_it_what_was_seen_last_is_told(self) -> None:
        found = judge("image_pull", sign("BackOff", "first"), sign("ImagePullBackOff"))
        assert found == Verdict(type="unknown", confidence=0.0, evidence=[seen("ImagePullBackOff")])
        assert judge("image_pull") == Verdict(type="unknown", confidence=0.0, evidence=[])

    def test_one_that_is_well_has_recovered(self) -> None:
        assert judge("image_pull", self.PULL, look=WELL) == RECOVERED


class TestMissingConfig:
    SIGN = sign("CreateContainerConfigError", 'configmap "settings" not found')
    LACKS: dict[str, Any] = {"missing_config": ["settings", "secret/token"]}
    NEEDS = of_rollout("revision 2 needs settings, secret/token, which does not exist", 0.6)

    def test_one_that_is_there_by_now_is_unknown_and_well_is_recovered(self) -> None:
        found = judge("config_error", self.SIGN, sign("Failed", "last"), sign("Pulled", "x"), look=rollout(revision(2)))
        finding = "every object that the template names exists now"
        assert found == Verdict(type="unknown", confidence=0.0, evidence=[seen("last"), of_rollout(finding)])
        assert judge("config_error", self.SIGN, look=WELL) == RECOVERED

    @pytest.mark.parametrize("reason", ["CreateContainerConfigError", "FailedMount", "Failed"])
    def test_without_a_look_only_what_was_seen_is_told(self, reason: str) -> None:
        found = judge("config_error", sign(reason, "said"), look="x")
        assert found == Verdict(type="unknown", confidence=0.0, evidence=[seen("said")])


class TestContainerStart:
    @pytest.mark.parametrize(
        ("message", "cause"),
        [
            ("no space left on device", "NodeDiskFull"),
            ("PreStop hook failed", "HookFailed"),
            ('exec: "serve": executable file not found in $PATH', "CommandNotRunnable"),
            ("exec format error", "ImageForOtherPlatform"),
            ("container has runAsNonRoot and image will run as root", "ForbiddenContext"),
            ("error mounting /config", "MountFailed"),
            ("context deadline exceeded", "RuntimeFailed"),
        ],
    )
    def test_the_kubelets_words_name_the_cause(self, message: str, cause: str) -> None:
        assert judge("start_error", sign("Failed", message)) == Verdict(
            type=cause, confidence=0.75, evidence=[seen(f"Failed: {message}", 0.5)]
        )

    def test_a_hook_is_named_by_its_reason_and_the_latest_word_counts(self) -> None:
        found = judge("start_error", sign("Failed", "no space left"), sign("PostStartHookError"), sign("Failed", "?"))
        assert found == Verdict(type="HookFailed", confidence=0.75, evidence=[seen("PostStartHookError", 0.5)])

    def test_what_nobody_knows_is_told_as_it_was_said(self) -> None:
        found = judge("start_error", sign("Failed", "one"), sign("Failed", "two"))
        assert found == Verdict(type="unknown", confidence=0.0, evidence=[seen("Failed: two", 0.5)])
        assert judge("start_error").evidence == []
        assert judge("start_error", look=WELL) == RECOVERED

    def test_of_a_message_the_beginning_is_read(self) -> None:
        assert judge("start_error", sign("Failed", "x" * 8192 + " no space left")).type == "unknown"
        assert judge("start_error", sign("Failed", "x" * 8178 + " no space left")).type == "NodeDiskFull"


class TestRunFailure:
    @pytest.mark.parametrize(
        ("reason", "cause"),
        [
            ("DeadlineExceeded", "DeadlinePassed"),
            ("Evicted", "NodePressureEviction"),
            ("NodeAffinity", "RefusedByKubelet"),
            ("OutOfcpu", "RefusedByKubelet"),
            ("UnexpectedAdmissionError", "RefusedByKubelet"),
        ],
    )
    def test_the_latest_reason_that_tells_it_is_the_cause(self, reason: str, cause: str) -> None:
        found = judge("run_failure", sign("Evicted", "a"), sign(reason, "b"), sign("BackoffLimitExceeded", "c"))
        assert found == Verdict(
            type=cause, confidence=0.8, evidence=[seen(f"{reason}: b"), seen("BackoffLimitExceeded: c")]
        )

    def test_ends_are_told_and_a_kill_for_memory_is_the_cause(self) -> None:
        look = described(app=ended("Last State", "OOMKilled", 137)) + "\n" + ended("State", "Error", 2)
        found = judge("run_failure", look=look)
        assert (found.type, found.confidence) == ("OOMKilled", 0.8)
        assert found.evidence == [
            seen("container app ended with OOMKilled, exit code 137", source="look"),
            seen("container app ended with Error, exit code 2", source="look"),
        ]
        (unnamed,) = judge("run_failure", look=ended("State", "Error", 137)).evidence
        assert unnamed.finding == "container ? ended with Error, exit code 137"

    @pytest.mark.parametrize(("reason", "code"), [("Error", 137), ("OOMKilled", 1)])
    def test_half_a_kill_for_memory_is_unknown(self, reason: str, code: int) -> None:
        found = judge(
            "run_failure", sign("BackoffLimitExceeded", "c"), look=described(app=ended("State", reason, code))
        )
        assert (found.type, len(found.evidence)) == ("unknown", 2)


class TestLostNode:
    def look(self, **changes: Any) -> str:
        named = {"namespace": "shop", "owner_kind": "ReplicaSet", "owner_name": "web"}
        pods = [
            msgspec.convert({**named, "pod": f"web-{n}", **each}, PodPlacement)
            for n, each in enumerate(
                (
                    {"decision": "evict"},
                    {"decision": "evict"},
                    {"decision": "skip"},
                    {"decision": "forbidden", "why": "a budget"},
                    {"decision": "no_room", "why": "too large"},
                )
            )
        ]
        given: dict[str, Any] = {
            "node": "n1",
            "mode": "simulate",
            "ready": "Unknown",
            "not_ready_seconds": 61.4,
            "placements": pods,
            "feasible": True,
            "refusals": ["another one is drained"],
        }
        return msgspec.json.encode(DrainNodeAnswer(**{**given, **changes})).decode()

    def test_a_node_that_is_gone_is_drained(self) -> None:
        found = judge("node_not_ready", look=self.look())
        findings = [
            "2 pods can go elsewhere",
            "shop/web-3: forbidden (a budget)",
            "shop/web-4: no_room (too large)",
            "another one is drained",
        ]
        assert found == Verdict(
            type="NodeUnreachable",
            confidence=0.9,
            evidence=[
                seen("node n1 is Ready=Unknown for 61 s", 0.6, "drain_simulation"),
                *(seen(finding, source="drain_simulation") for finding in findings),
            ],
            recommendations=[
                Recommendation(
                    action="DrainNode",
                    confidence=0.85,
                    risk="high",
                    impact="2 pods move off n1",
                    steps=[
                        "cordon n1",
                        "evict 2 pods",
                        "let go of pods whose kubelet is dead (out-of-service taint), once the machine is known to be off",
                    ],
                    rollback=["uncordon n1", "remove the taint"],
                    parameters={"node": "n1", "mode": "execute", "only_lost": True},
                )
            ],
        )

    def test_one_whose_pods_could_not_go_is_left_to_a_person(self) -> None:
        found = judge("node_not_ready", look=self.look(feasible=False))
        assert (found.type, found.recommendations) == ("NodeUnreachable", [])

    def test_one_that_is_back_has_recovered_and_without_a_look_nothing_is_known(self) -> None:
        assert judge("node_not_ready", look=self.look(ready="True")) == Verdict(
            type="Recovered", confidence=0.9, evidence=[seen("node n1 is Ready now", 1.0, "drain_simulation")]
        )
        finding = "the node could not be looked at"
        assert judge("node_not_ready") == Verdict(type="unknown", confidence=0.0, evidence=[seen(finding, 1.0)])
