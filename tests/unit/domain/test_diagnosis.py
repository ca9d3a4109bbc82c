"""The rules that judge evidence: what they say, how sure they are, and when they say nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.wire.analysis import AnalysisContext, AnalysisRequest, AnalysisResponse
from aetherius.domain.words import UNKNOWN

OOM = {"reason": "OOMKilled", "message": "x", "labels": {"kind": "Pod", "name": "web-1"}}
RAW = {"container": "app", "exit_code": 137, "memory_limit": "64Mi"}
DESCRIBED = "    Last State:     Terminated\n      Reason:       {}\n      Exit Code:    137\n    Limits:\n      memory:  64Mi\n"


def judge(symptom: str, signs: list[dict[str, Any]], *, kind: str = "Deployment", **outputs: str) -> AnalysisResponse:
    event = {"namespace": "shop", "kind": kind, "name": "web", "symptom": symptom}
    context = AnalysisContext(event=event, events=signs, logs=outputs)
    return rules.analyze(
        AnalysisRequest(request_id="r", workflow_id="w", analysis_type="root_cause", context=context),
        shipped_faults(),
    )


def code(response: AnalysisResponse) -> str:
    return shipped_faults().code_of(response.root_cause, 0.6)


def test_two_sights_of_an_oom_kill_are_surer_than_one() -> None:
    both = judge("crash_loop", [{**OOM, "raw_data": RAW}], look=DESCRIBED.format("OOMKilled"))
    one = judge("crash_loop", [{**OOM, "raw_data": RAW}])
    assert code(both) == code(one) == "OOM"
    assert both.root_cause.confidence > one.root_cause.confidence


def test_an_oom_kill_that_is_over_while_something_else_kills_now_is_unknown() -> None:
    response = judge("crash_loop", [{**OOM, "raw_data": RAW}], look=DESCRIBED.format("Error"))
    assert code(response) == UNKNOWN
    assert any("but also" in evidence.finding for evidence in response.root_cause.evidence)


def test_exit_code_137_alone_is_unknown_and_says_what_it_saw() -> None:
    probe = {"reason": "Unhealthy", "message": "Liveness probe failed", "labels": {"kind": "Pod", "name": "web-1"}}
    response = judge("crash_loop", [probe], look=DESCRIBED.format("Error"))
    assert code(response) == UNKNOWN
    assert {"Liveness probe failed"} < {evidence.finding for evidence in response.root_cause.evidence}
    assert response.recommendations == []


@pytest.mark.parametrize(("limit", "wanted"), [("64Mi", "128Mi"), ("8Gi", "16Gi")])
def test_a_limit_is_doubled(limit: str, wanted: str) -> None:
    response = judge("crash_loop", [{**OOM, "raw_data": {**RAW, "memory_limit": limit}}])
    assert response.recommendations[0].parameters["memory_limit"] == wanted


@pytest.mark.parametrize("limit", ["12Gi", "", "lots"])
def test_a_limit_too_high_or_not_known_is_left_to_a_person(limit: str) -> None:
    response = judge("crash_loop", [{**OOM, "raw_data": {**RAW, "memory_limit": limit}}])
    assert response.recommendations == []


def test_only_a_deployments_limit_is_raised() -> None:
    assert judge("crash_loop", [{**OOM, "raw_data": RAW}], kind="StatefulSet").recommendations == []


@pytest.mark.parametrize("symptom", ["image_pull", "config_error", "node_not_ready"])
def test_without_a_look_at_the_object_nothing_is_known(symptom: str) -> None:
    sign = {"reason": "ErrImagePull", "message": "no", "labels": {"kind": "Pod", "name": "web-1"}}
    response = judge(symptom, [sign])
    assert code(response) == UNKNOWN
    assert response.recommendations == []


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=400)),
    st.sampled_from([fault.symptom for fault in shipped_faults()]),
)
def test_whatever_a_cluster_prints_the_rules_answer(outputs: dict[str, str], symptom: str) -> None:
    response = judge(symptom, [{**OOM, "raw_data": RAW}], **outputs)
    assert response.status == "completed"


def test_signs_that_do_not_parse_are_no_evidence() -> None:
    assert code(judge("crash_loop", [{"reason": 5}, {"labels": None}])) == UNKNOWN


def test_a_request_that_does_not_say_what_it_is_about_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        rules.analyze(
            AnalysisRequest(
                request_id="r", workflow_id="w", analysis_type="root_cause", context=AnalysisContext(event={})
            ),
            shipped_faults(),
        )


@pytest.mark.parametrize(
    "printed",
    [
        "State: Terminated Reason: Error Exit Code: " + "9" * 5000,
        '{"revisions":' + "[" * 100_000,
    ],
    ids=["a number without end", "JSON without a floor"],
)
def test_output_made_to_break_a_reader_is_no_evidence(printed: str) -> None:
    assert code(judge("crash_loop", [], look=printed)) == UNKNOWN
    assert code(judge("image_pull", [], look=printed)) == UNKNOWN


def revision(number: int, image: str = "web:1", **changes: Any) -> dict[str, Any]:
    return {
        "revision": number,
        "replica_set": f"web-{number}",
        "images": {"app": image},
        "config_maps": [],
        "missing_config": [],
        "replicas": 2,
        "available": 0,
        "was_available": False,
        "created_at": "",
        **changes,
    }


def rollout(*revisions: dict[str, Any]) -> str:
    counts = {"generation": 3, "replicas": 2, "ready_replicas": 0, "available_replicas": 0}
    named = {"kind": "Deployment", "name": "web", "namespace": "shop", "managed_by": ""}
    return msgspec.json.encode(
        {**counts, **named, "revision": revisions[-1]["revision"], "revisions": revisions}
    ).decode()


def pull(image: str) -> dict[str, Any]:
    labels = {"kind": "Pod", "name": "web-1"}
    return {"reason": "ImagePullBackOff", "message": "manifest unknown", "labels": labels, "raw_data": {"image": image}}


def test_an_object_that_was_deleted_later_is_not_blamed_on_the_latest_revision() -> None:
    settings: dict[str, Any] = {"config_maps": ["settings"], "missing_config": ["settings"]}
    history = rollout(
        revision(1, was_available=True),
        revision(2, was_available=True, **settings),
        revision(3, image="web:2", **settings),
    )
    response = judge("config_error", [], rollout=history)
    assert code(response) == "Config"
    assert response.recommendations == []


def test_a_pull_that_fails_for_an_image_the_rollout_did_not_change_is_unknown() -> None:
    before = revision(1, images={"app": "web:1", "proxy": "proxy:1"}, was_available=True)
    after = revision(2, images={"app": "web:2", "proxy": "proxy:1"})
    assert code(judge("image_pull", [pull("proxy:1")], rollout=rollout(before, after))) == UNKNOWN
    assert code(judge("image_pull", [pull("web:2")], rollout=rollout(before, after))) == "Image"


def test_nothing_goes_back_to_a_revision_that_could_not_start_now() -> None:
    before = revision(1, was_available=True, config_maps=["settings"], missing_config=["settings"])
    response = judge("image_pull", [pull("web:2")], rollout=rollout(before, revision(2, image="web:2")))
    assert response.recommendations == []


def test_an_image_that_ran_and_is_gone_was_not_brought_in_by_its_rollout() -> None:
    """Caches hid that its tag was removed: of two replicas one may run on."""
    history = rollout(revision(1, was_available=True), revision(2, image="web:2", was_available=True, available=1))
    response = judge("image_pull", [pull("web:2")], rollout=history)
    assert code(response) == "Image"
    assert response.recommendations == []


def test_an_object_that_is_deleted_under_a_revision_that_ran_is_not_its_rollouts_fault() -> None:
    settings: dict[str, Any] = {"config_maps": ["settings"], "missing_config": ["settings"]}
    history = rollout(revision(1, was_available=True), revision(2, was_available=True, **settings))
    response = judge("config_error", [], rollout=history)
    assert code(response) == "Config"
    assert response.recommendations == []
