"""The rules that judge evidence: what they say, how sure they are, and when they say nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.diagnosis import reasoner
from aetherius.domain.root_cause import CauseCode, code_of
from aetherius.domain.wire.analysis import AnalysisContext, AnalysisRequest, AnalysisResponse

OOM = {"reason": "OOMKilled", "message": "x", "labels": {"kind": "Pod", "name": "web-1"}}
RAW = {"container": "app", "exit_code": 137, "memory_limit": "64Mi"}
DESCRIBED = "    Last State:     Terminated\n      Reason:       {}\n      Exit Code:    137\n    Limits:\n      memory:  64Mi\n"


def judge(symptom: str, signs: list[dict[str, Any]], *, kind: str = "Deployment", **outputs: str) -> AnalysisResponse:
    event = {"namespace": "shop", "kind": kind, "name": "web", "symptom": symptom}
    context = AnalysisContext(event=event, events=signs, logs=outputs)
    return reasoner.analyze(
        AnalysisRequest(request_id="r", workflow_id="w", analysis_type="root_cause", context=context)
    )


def code(response: AnalysisResponse) -> CauseCode:
    return code_of(response.root_cause, 0.6)


def test_two_sights_of_an_oom_kill_are_surer_than_one() -> None:
    both = judge("crash_loop", [{**OOM, "raw_data": RAW}], look=DESCRIBED.format("OOMKilled"))
    one = judge("crash_loop", [{**OOM, "raw_data": RAW}])
    assert code(both) is code(one) is CauseCode.OOM
    assert both.root_cause.confidence > one.root_cause.confidence


def test_an_oom_kill_that_is_over_while_something_else_kills_now_is_unknown() -> None:
    response = judge("crash_loop", [{**OOM, "raw_data": RAW}], look=DESCRIBED.format("Error"))
    assert code(response) is CauseCode.UNKNOWN
    assert any("but also" in evidence.finding for evidence in response.root_cause.evidence)


def test_exit_code_137_alone_is_unknown_and_says_what_it_saw() -> None:
    probe = {"reason": "Unhealthy", "message": "Liveness probe failed", "labels": {"kind": "Pod", "name": "web-1"}}
    response = judge("crash_loop", [probe], look=DESCRIBED.format("Error"))
    assert code(response) is CauseCode.UNKNOWN
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
    assert code(response) is CauseCode.UNKNOWN
    assert response.recommendations == []


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=400)), st.sampled_from(sorted(reasoner._RULES)))
def test_whatever_a_cluster_prints_the_rules_answer(outputs: dict[str, str], symptom: str) -> None:
    response = judge(symptom, [{**OOM, "raw_data": RAW}], **outputs)
    assert response.status == "completed"


def test_signs_that_do_not_parse_are_no_evidence() -> None:
    assert code(judge("crash_loop", [{"reason": 5}, {"labels": None}])) is CauseCode.UNKNOWN


def test_a_request_that_does_not_say_what_it_is_about_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        reasoner.analyze(
            AnalysisRequest(
                request_id="r", workflow_id="w", analysis_type="root_cause", context=AnalysisContext(event={})
            )
        )
