"""What rules read of a request, and what those of rollouts share: is the workload well, who owns it, and may it go back."""

from __future__ import annotations

import pytest

from aetherius.domain.diagnosis import pull_failure
from aetherius.domain.diagnosis.evidence import read
from aetherius.domain.diagnosis.pull_failure import cause_of_pull
from aetherius.domain.diagnosis.rollout import healthy, owned_elsewhere, roll_back
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.wire.analysis import AnalysisContext, Evidence, Recommendation
from evidence_builders import a_file, described, ended, revision, rollout

ABOUT = {"namespace": "shop", "kind": "Deployment", "name": "web", "symptom": "image_pull"}


class TestReading:
    def test_numbers_that_were_told_as_texts_are_read(self) -> None:
        sign = {"reason": "BackOff", "message": "x", "labels": {"kind": "Pod", "name": "w"}, "raw_data": {"count": "7"}}
        file = read(AnalysisContext(event={**ABOUT, "reopened": "2"}, events=[sign, {"reason": "BackOff"}]))
        assert file.about.reopened == 2
        assert [each.raw_data.count for each in file.signs] == [7]

    def test_ends_say_in_which_output_they_stand(self) -> None:
        file = a_file(one=described(app=ended("State", "Error", 1)), two=described(app=ended("State", "Error", 2)))
        assert [(end.step, end.exit_code) for end in file.terminations()] == [("one", 1), ("two", 2)]

    def test_earlier_revisions_that_were_available_come_the_latest_first(self) -> None:
        revisions = [revision(n, was_available=n != 3) for n in (1, 2, 3, 4, 5, 6)]
        file = a_file(look=rollout(*revisions, revision=5))
        assert [each.revision for each in file.earlier_available()] == [4, 2, 1]
        assert a_file(look="x").earlier_available() == []

    def test_a_revision_that_is_not_listed_is_not_known(self) -> None:
        assert a_file(look=rollout(revision(1), revision=7)).current_revision() is None
        assert a_file(look="x").current_revision() is None


class TestHealthy:
    def test_all_replicas_of_the_present_revision_are_available(self) -> None:
        found = healthy(a_file(look=rollout(revision(1), revision(2, available=2))))
        assert found == Evidence(source="rollout", finding="all 2 replicas of revision 2 are available now")
        assert healthy(a_file(look=rollout(revision(2, available=3)))) is not None

    @pytest.mark.parametrize(
        "look",
        [
            "nobody looked",
            rollout(revision(2, available=1)),
            rollout(revision(2, available=2), replicas=0),
            rollout(revision(1, available=2), revision=2),
        ],
    )
    def test_else_nobody_says_so(self, look: str) -> None:
        assert healthy(a_file(look=look)) is None


class TestGoingBack:
    def test_it_names_both_revisions_and_what_is_put_back(self) -> None:
        before = revision(1, images={"app": "web:1", "proxy": "p:1"})
        found = roll_back(a_file(look=rollout(before, revision(2), managed_by="helm")), before, only_images=True)
        assert found == [
            Recommendation(
                action="RollbackDeployment",
                confidence=0.85,
                risk="low",
                impact="rollout of web back to revision 1",
                steps=["put the template of revision 1 (web:1, p:1) back"],
                rollback=["put the template of revision 2 back"],
                parameters={"name": "web", "to_revision": 1, "expected_revision": 2, "only_images": True},
            )
        ]

    def test_not_where_another_tool_owns_it_or_nobody_looked_or_it_could_not_start(self) -> None:
        before = revision(1)
        assert roll_back(a_file(look=rollout(before, revision(2), managed_by="argocd")), before) == []
        assert roll_back(a_file(look="x"), before) == []
        assert roll_back(a_file(look=rollout(before, revision(2))), revision(1, missing_config=["a"])) == []
        assert len(roll_back(a_file(look=rollout(before, revision(2))), before)) == 1

    def test_a_tool_that_owns_it_is_told(self) -> None:
        finding = "managed by flux: repair it in its repository"
        found = owned_elsewhere(a_file(look=rollout(revision(1), managed_by="flux")))
        assert found == [Evidence(source="rollout", finding=finding)]

    @pytest.mark.parametrize("look", ["x", rollout(revision(1)), rollout(revision(1), managed_by="helm")])
    def test_one_that_stays_as_it_is_is_not(self, look: str) -> None:
        assert owned_elsewhere(a_file(look=look)) == []


def test_verdicts_without_a_cause() -> None:
    seen = Evidence(source="events", finding="x")
    assert unknown(seen) == Verdict(type="unknown", confidence=0.0, evidence=[seen])
    assert recovered(seen) == Verdict(type="Recovered", confidence=0.9, evidence=[seen])


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("InvalidImageName", pull_failure.NAME),
        ("ErrImageNeverPull", pull_failure.NEVER),
        ("RegistryUnavailable", pull_failure.REGISTRY),
        ("SignatureValidationFailed", pull_failure.SIGNATURE),
        ("ImageInspectError", pull_failure.RUNTIME),
        ("InspectFailed", pull_failure.RUNTIME),
    ],
)
def test_a_reason_that_says_why_a_pull_failed_needs_no_message(reason: str, cause: str) -> None:
    assert cause_of_pull(reason, "") == cause


def test_a_layer_that_is_missing_is_the_registrys_though_it_is_said_to_be_not_found() -> None:
    assert cause_of_pull("Failed", "https://r/v2/a/blobs/sha256:1: not found") == pull_failure.REGISTRY
    assert cause_of_pull("Failed", "exec format error") == pull_failure.ARCHITECTURE


def test_of_a_message_the_beginning_is_read() -> None:
    filler = "a " * (pull_failure.MAX_READ // 2)
    assert cause_of_pull("Failed", filler[:-20] + "toomanyrequests") == pull_failure.RATE_LIMIT
    assert cause_of_pull("Failed", filler + "toomanyrequests") == ""
