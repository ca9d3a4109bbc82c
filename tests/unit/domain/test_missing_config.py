"""What is missing of a pod's configuration, since when, whose it is to make it, and whether going back helps. What cannot be seen is said to be so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.repair.action import Circumstances
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.repair.pod_config import ConfigReference, ConfigSource, PodConfigAnswer
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistoryAnswer
from aetherius.domain.wire.analysis import AnalysisContext, AnalysisRequest, AnalysisResponse

NOW = datetime(2026, 3, 1, 9, 16, tzinfo=UTC)
NO_SECRET, NO_MAP = 'secret "db" not found', 'configmap "settings" not found'
NO_KEY = "couldn't find key url in ConfigMap shop/settings"


def revision(number: int, *needs: str, **parts: Any) -> RevisionSummary:
    fields: dict[str, Any] = {"replica_set": f"web-{number}", "images": {"app": "web:1"}, "missing_config": []}
    fields |= {"replicas": 1, "available": 0, "was_available": False, "created_at": "", "config_maps": list(needs)}
    return RevisionSummary(**{**fields, "revision": number, **parts})


def history(*revisions: RevisionSummary) -> WorkloadHistoryAnswer:
    counts: dict[str, Any] = {"generation": 1, "replicas": 2, "ready_replicas": 0, "available_replicas": 0}
    named: dict[str, Any] = {"kind": "Deployment", "name": "web", "namespace": "shop", "managed_by": ""}
    return WorkloadHistoryAnswer(**counts, **named, revision=revisions[-1].revision, revisions=list(revisions))


def look(said: str, *references: ConfigReference, **parts: Any) -> PodConfigAnswer:
    fields: dict[str, Any] = {"pod": "web-1", "namespace": "shop", "looked_at": NOW, "waiting": [said] if said else []}
    return PodConfigAnswer(**{**fields, "references": list(references), **parts})


def reference(kind: str = "ConfigMap", name: str = "settings", state: str = "missing", **parts: Any) -> ConfigReference:
    return ConfigReference(**{"kind": kind, "name": name, "where": [], "keys": [], "state": state, **parts})


def source(age: float, settle: float = 120.0, **parts: Any) -> ConfigSource:
    since = NOW - timedelta(seconds=age)
    return ConfigSource(
        **{"kind": "ExternalSecret", "name": "vault-db", "since": since, "settle_seconds": settle, **parts}
    )


def judge(*answers: msgspec.Struct, said: str = "") -> AnalysisResponse:
    event = {"namespace": "shop", "kind": "Deployment", "name": "web", "symptom": "config_error"}
    signs = [{"reason": "CreateContainerConfigError", "message": said, "labels": {"kind": "Pod", "name": "web-1"}}]
    logs = {f"step{at}": msgspec.json.encode(each).decode() for at, each in enumerate(answers)}
    context = AnalysisContext(event=event, events=signs if said else [], logs=logs)
    request = AnalysisRequest(request_id="r", workflow_id="w", analysis_type="root_cause", context=context)
    return rules.analyze(request, shipped_faults())


def told(response: AnalysisResponse) -> str:
    return "\n".join(each.finding for each in response.root_cause.evidence)


UNSEEN = reference("Secret", "db", "unseen")


def test_a_secret_is_missing_by_the_kubelets_word_and_nobody_claims_to_have_looked() -> None:
    response = judge(look(NO_SECRET, UNSEEN))
    assert (response.root_cause.type, response.root_cause.confidence) == ("MissingConfig", 0.8)
    assert "cannot be seen by the agent" in told(response)
    assert "exists now" not in told(response)
    assert "does not exist" not in told(response).replace("does not exist as far as is known", "")


def test_what_nobody_can_see_and_nobody_complains_of_is_unknown_not_well() -> None:
    response = judge(history(revision(1, "secret/db", unseen_config=["secret/db"])), said="something else")
    assert response.root_cause.type == "unknown"
    assert "whether secret/db exists cannot be seen" in told(response)


def test_a_secret_that_the_latest_revision_brought_in_is_taken_back() -> None:
    before, after = revision(1, was_available=True), revision(2, "secret/db", unseen_config=["secret/db"])
    response = judge(history(before, after), look(NO_SECRET, UNSEEN))
    assert response.root_cause.type == "MissingConfigRollout"
    assert [each.action for each in response.recommendations] == ["RollbackDeployment"]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (revision(1, "old", was_available=True, missing_config=["old"]), "which does not exist either"),
        (revision(1, "secret/x", was_available=True, unseen_config=["secret/x"]), "exists cannot be seen"),
        (revision(1, "secret/db", was_available=True, available=1, unseen_config=["secret/db"]), "deleted since"),
    ],
)
def test_nothing_goes_back_to_what_is_not_known_to_start(before: RevisionSummary, why: str) -> None:
    response = judge(history(before, revision(2, "secret/db", unseen_config=["secret/db"])), look(NO_SECRET, UNSEEN))
    assert response.recommendations == []
    assert why in told(response)


def test_an_earlier_revision_that_runs_now_has_what_cannot_be_seen() -> None:
    before = revision(1, "secret/x", was_available=True, available=1, unseen_config=["secret/x"])
    response = judge(history(before, revision(2, "secret/db", unseen_config=["secret/db"])), look(NO_SECRET, UNSEEN))
    assert len(response.recommendations) == 1


def test_a_revision_that_worked_itself_lost_its_object_and_going_back_would_hide_that() -> None:
    before = revision(1, was_available=True)
    after = revision(2, "settings", was_available=True, missing_config=["settings"])
    response = judge(history(before, after), look(NO_MAP, reference()))
    assert response.root_cause.type == "DeletedConfig"
    assert response.recommendations == []


def test_what_the_template_does_not_name_is_not_the_rollouts() -> None:
    response = judge(history(revision(1, was_available=True), revision(2)), look(NO_MAP, reference()))
    assert response.recommendations == []
    assert "something else put it into the pod" in told(response)


def test_what_is_awaited_is_not_concluded_upon() -> None:
    response = judge(look(NO_SECRET, reference("Secret", "db", "unseen", source=source(30))))
    assert response.root_cause.type == "unknown"
    assert "awaited from ExternalSecret vault-db, for 30 s" in told(response)
    assert "since 2026-03-01 09:15:30" in told(response)


def test_after_its_time_the_cause_is_the_source_and_nothing_goes_back() -> None:
    late = reference("Secret", "db", "unseen", source=source(130, said="SecretSyncedError: denied", ready=False))
    before, after = revision(1, was_available=True), revision(2, "secret/db", unseen_config=["secret/db"])
    response = judge(history(before, after), look(NO_SECRET, late))
    assert response.root_cause.type == "ConfigNotDelivered"
    assert shipped_faults().code_of(response.root_cause, 0.6) == "ConfigSource"
    assert response.recommendations == []
    assert "vault-db says of itself: SecretSyncedError: denied" in told(response)


def test_a_source_that_is_content_without_the_key_is_not_awaited() -> None:
    made = reference("Secret", "db", "unseen", source=source(900, ready=True, said="SecretSynced"))
    response = judge(look("couldn't find key password in Secret shop/db", made))
    assert response.root_cause.type == "MissingKey"
    assert "does not give the key password" in told(response)


def test_a_source_that_delivers_only_to_who_mounts_it_is_told_so() -> None:
    late = reference("Secret", "db", "unseen", source=source(130, kind="SecretProviderClass", mounted=False))
    assert "delivers only while a pod mounts it" in told(judge(look(NO_SECRET, late)))


def test_the_later_look_counts() -> None:
    first = look(NO_SECRET, reference("Secret", "db", "unseen", source=source(30)))
    later = look(NO_SECRET, reference("Secret", "db", "unseen", source=source(150)))
    assert judge(later, first).root_cause.type == "ConfigNotDelivered"


def test_an_object_or_key_that_is_there_by_now_was_late() -> None:
    assert "it was late" in told(judge(look(NO_MAP, reference(state="exists"))))
    assert "has the key url now" in told(judge(look(NO_KEY, reference(state="exists", known_keys=["url"]))))


KEYED = {"config_keys": ["settings:url"]}


@pytest.mark.parametrize(
    ("before", "after", "cause", "back"),
    [
        (revision(1, "settings", config_keys=["settings:host"], was_available=True), KEYED, "MissingKeyRollout", 1),
        (revision(1, "settings", **KEYED, was_available=True), KEYED, "DeletedKey", 0),
        (revision(1, "settings", was_available=True), {}, "MissingKey", 0),
        (revision(1, "settings"), KEYED, "MissingKey", 0),
    ],
)
def test_a_key_is_missing_since(before: RevisionSummary, after: dict[str, Any], cause: str, back: int) -> None:
    there = reference(state="exists", known_keys=["host"], immutable=True, changed=NOW, changed_by="kubectl-edit")
    response = judge(history(before, revision(2, "settings", **after)), look(NO_KEY, there))
    assert (response.root_cause.type, len(response.recommendations)) == (cause, back)
    assert shipped_faults().code_of(response.root_cause, 0.6) == "ConfigKey"
    assert "it has no key url; its keys: host" in told(response)
    assert "by kubectl-edit" in told(response)
    assert "it is immutable" in told(response)


def test_a_key_of_a_volume_is_of_the_object_that_the_volume_names() -> None:
    said = 'MountVolume.SetUp failed for volume "cfg" : configmap references non-existent config key: app.yaml'
    other = reference(name="other", state="exists", where=["volume x"])
    its = reference(state="exists", where=["volume cfg"], keys=["app.yaml"], known_keys=["b"])
    assert "ConfigMap shop/settings exists now" in told(judge(look(said, other, its)))


def test_one_in_another_namespace_is_told() -> None:
    response = judge(look(NO_MAP, reference(elsewhere=["staging"])))
    assert response.root_cause.type == "ConfigInOtherNamespace"
    assert "staging/settings" in told(response)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("container has runAsNonRoot and image will run as root", "SecurityContext"),
        ('failed to prepare subPath for volumeMount "c" of container "app"', "Mount"),
        ("rpc error: failed to mount secrets store objects for pod shop/x", "ConfigSource"),
        ("failed to sync secret cache: timed out waiting for the condition", "unknown"),
    ],
)
def test_not_all_that_a_kubelet_cannot_configure_is_missing(said: str, code: str) -> None:
    response = judge(history(revision(1, was_available=True), revision(2)), look(said))
    assert shipped_faults().code_of(response.root_cause, 0.6) == code
    assert response.recommendations == []


@pytest.mark.parametrize("cause", ["Config", "ConfigKey"])
def test_a_change_of_configuration_is_taken_back_only_after_a_persons_yes(cause: str) -> None:
    repair = shipped_actions().repair("RollbackDeployment")
    assert repair is not None
    assert repair.risk(Circumstances(cause=cause)).level.value == "medium"
