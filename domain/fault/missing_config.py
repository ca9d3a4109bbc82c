"""A container that cannot be given its configuration: which object or key is missing, who should have made it, and did the latest revision bring it in?

Three things are told apart: what was seen to be missing, what only the kubelet says (the agent may not look at secrets), and what nobody could see. What a
controller is to make gets its time before anything is concluded (`repair/pod_config.py`), and its own name after that.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import config_evidence
from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, Complaint, complaints
from aetherius.domain.diagnosis.config_origin import Origin, origin_of
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.rollout import healthy
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.repair.pod_config import ConfigReference, PodConfigAnswer
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_MISSING: Final = re.compile(
    r"(configmap|secret)s? .*not found|references non-existent|couldn't find key|secretproviderclass|secrets store objects"
    r"|secrets-store\.csi|failed to (?:prepare|create) subPath",
    re.IGNORECASE,
)
_REASONS: Final = ("CreateContainerConfigError", "FailedMount", "Failed")
_CONFIRMED: Final = 0.9
_TOLD: Final = 0.8
"""By the kubelet's word alone."""
_OTHERWISE: Final = {
    "security": (
        "ForbiddenContext",
        "the container's security context forbids what its image wants: nothing is missing",
    ),
    "mount": (
        "MountFailed",
        "nothing is missing: it is mounted where it does not fit (a key mounted over a folder, or a subPath that is none)",
    ),
    "driver": ("MountFailed", "the node has no driver for the secret store: look at the driver's own pod on that node"),
    "delivery": (
        "ConfigNotDelivered",
        "the secret store did not deliver: look at its provider's pod on that node, and at the pod's rights in the store",
    ),
}


class MissingConfig(Fault):
    """The entry."""

    symptom = "config_error"
    strategy = Strategy(
        id="missing-config",
        workflow="diagnose_missing_config",
        about="Wait for a late object; go back if the latest revision brought the reference in, else tell the owner",
    )
    causes = {
        "Config": frozenset({"MissingConfig", "MissingConfigRollout", "DeletedConfig", "ConfigInOtherNamespace"}),
        "ConfigKey": frozenset({"MissingKey", "MissingKeyRollout", "DeletedKey"}),
        "ConfigSource": frozenset({"ConfigNotDelivered"}),
        "Mount": frozenset({"MountFailed"}),
        "SecurityContext": frozenset({"ForbiddenContext"}),
    }
    recoveries = POD_OVER | {"PodRecovered"}
    precedence = 1  # `Failed` says in its message alone what failed, and this message is the more specific one

    def is_sign(self, report: Reported) -> bool:
        """A container that cannot be configured, or a mount of what is not there."""
        if report.labels.kind != "Pod":
            return False
        told = report.reason in ("Failed", "FailedMount") and _MISSING.search(report.message) is not None
        return report.reason == "CreateContainerConfigError" or told

    def judge(self, file: EvidenceFile) -> Verdict:
        """What is missing and why, another cause that the kubelet names, recovered, or unknown."""
        return _judge(file)


ENTRY = MissingConfig()


def _judge(file: EvidenceFile) -> Verdict:
    look = file.answer(PodConfigAnswer)
    said = _said(file, look)
    seen = [Evidence(source="events", finding=text, weight=0.4) for text in said[:1]]
    if look is None and file.current_revision() is None:
        return unknown(*seen)
    if well := healthy(file):
        return recovered(well)
    found = next((each for text in said for each in complaints(text)), None)
    if found is None:
        return _unnamed(file, look, seen)
    if found.what in _OTHERWISE:
        cause, words = _OTHERWISE[found.what]
        return Verdict(type=cause, confidence=_TOLD, evidence=[*seen, Evidence(source="rule", finding=words)])
    if found.what == "cache":
        words = "the kubelet had not read it yet: it tries again by itself, and nothing is known to be missing"
        return unknown(*seen, Evidence(source="rule", finding=words))
    return _named(file, look, _with_object(found, look), seen)


def _said(file: EvidenceFile, look: PodConfigAnswer | None) -> list[str]:
    """What the kubelet complains of: now, if somebody looked; else as it was reported last."""
    if look is not None and look.waiting:
        return look.waiting
    return [sign.message for sign in file.signs_of(*_REASONS)[-1:]]


def _with_object(found: Complaint, look: PodConfigAnswer | None) -> Complaint:
    """A complaint of a volume's key does not name the object: the pod's own volume does."""
    if found.name or look is None or not found.volume:
        return found
    where = f"volume {found.volume}"
    its = [each for each in look.references if where in each.where and each.kind == found.kind]
    name = next((each.name for each in its if found.key in each.keys), next((each.name for each in its), ""))
    return Complaint(what=found.what, kind=found.kind, name=name, key=found.key, volume=found.volume)


def _unnamed(file: EvidenceFile, look: PodConfigAnswer | None, seen: list[Evidence]) -> Verdict:
    """Nothing that is complained of is known by name: then what was seen to be missing counts."""
    if look is not None and (missing := next((each for each in look.references if each.state == "missing"), None)):
        return _named(file, look, Complaint(what="object", kind=missing.kind, name=missing.name), seen)
    current = file.current_revision()
    if current is not None and current.missing_config:
        return _missing(file, look, current.missing_config[0], None, "", seen, _CONFIRMED)
    unseen = [*(current.unseen_config if current else ()), *_unseen(look)]
    if unseen:
        words = f"whether {', '.join(sorted(set(unseen)))} exists cannot be seen by the agent"
        return unknown(*seen, Evidence(source="rollout", finding=words))
    return unknown(*seen, Evidence(source="rollout", finding="every object that the template names exists now"))


def _unseen(look: PodConfigAnswer | None) -> list[str]:
    return [each.words for each in look.references if each.state == "unseen"] if look else []


def _named(file: EvidenceFile, look: PodConfigAnswer | None, found: Complaint, seen: list[Evidence]) -> Verdict:
    """An object, or a key of one, is missing, as the kubelet says."""
    words = found.name if found.kind == CONFIG_MAP else f"{found.kind.lower()}/{found.name}"
    reference = _reference(look, found)
    state = reference.state if reference else _state_by_history(file, words)
    facts = [*seen, *([config_evidence.standing(reference, look)] if reference and look else [])]
    if found.what == "object" and state == "exists":
        return unknown(*facts, Evidence(source="rollout", finding=f"{found.kind} {found.name} exists now: it was late"))
    if reference and found.key and found.key in (reference.known_keys or ()):
        late = f"{found.kind} {found.name} has the key {found.key} now: it was late"
        return unknown(*facts, Evidence(source="rollout", finding=late))
    confidence = _TOLD if state == "unseen" else _CONFIRMED
    return _missing(file, look, words, reference, found.key, facts, confidence)


def _reference(look: PodConfigAnswer | None, found: Complaint) -> ConfigReference | None:
    if look is None:
        return None
    return next((each for each in look.references if (each.kind, each.name) == (found.kind, found.name)), None)


def _state_by_history(file: EvidenceFile, words: str) -> str:
    current = file.current_revision()
    if current is None or words in current.unseen_config or words not in current.config_maps:
        return "unseen"
    return "missing" if words in current.missing_config else "exists"


def _missing(
    file: EvidenceFile,
    look: PodConfigAnswer | None,
    words: str,
    reference: ConfigReference | None,
    key: str,
    facts: list[Evidence],
    confidence: float,
) -> Verdict:
    """It is missing: who should have made it, or since when, or which revision brought it in."""
    told = [*facts, *(config_evidence.contents(reference, key) if reference and key else ())]
    if reference and reference.source and key and reference.source.ready:
        told += config_evidence.partial(reference.source, reference, key)
    elif reference and reference.source and look:
        told += config_evidence.delivery(reference.source, reference, look.looked_at)
        if reference.source.is_settling(look.looked_at):
            return unknown(*told)
        return Verdict(type="ConfigNotDelivered", confidence=0.85, evidence=told)
    origin = origin_of(file, words, key)
    told += config_evidence.sibling(look) if look else ()
    told += [*(config_evidence.elsewhere(reference) if reference else ()), *origin.evidence]
    return Verdict(
        type=_cause(origin, reference, key),
        confidence=confidence,
        evidence=told,
        recommendations=origin.recommendations,
    )


def _cause(origin: Origin, reference: ConfigReference | None, key: str) -> str:
    if key:
        return {"brought": "MissingKeyRollout", "deleted": "DeletedKey"}.get(origin.how, "MissingKey")
    if reference and reference.elsewhere:
        return "ConfigInOtherNamespace"
    return {"brought": "MissingConfigRollout", "deleted": "DeletedConfig"}.get(origin.how, "MissingConfig")
