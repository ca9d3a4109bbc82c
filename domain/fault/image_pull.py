"""An image that cannot be pulled: is it the image, the registry, or the node, and did a rollout bring it in?

Only an image that the registry says it does not have is a bad image, and only one that the latest revision brought, and never ran with, is taken back. A registry that limits,
refuses or does not answer heals by waiting or by its owner's hand; going back to an older image would have to pull it from there too.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import pull_failure
from aetherius.domain.diagnosis.evidence import EvidenceFile, Sign
from aetherius.domain.diagnosis.pull_failure import cause_of_pull
from aetherius.domain.diagnosis.rollout import healthy, owned_elsewhere, roll_back
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
    | {"RegistryUnavailable", "SignatureValidationFailed", "ImageVolumeMountFailed", "InspectFailed"}
)
_MESSAGE: Final = re.compile(
    r"pull(ing)? image|ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError"
    r"|RegistryUnavailable|SignatureValidationFailed"
)
_IMAGE: Final = re.compile(r'pull(?:ing)? image "([^"\s]{1,500})"')


class ImagePull(Fault):
    """The entry."""

    symptom = "image_pull"
    strategy = Strategy(
        id="image-pull",
        workflow="diagnose_image_pull",
        about="Read why the pull fails; go back only from an image that does not exist and that the latest rollout brought in",
    )
    causes = {
        "Image": frozenset({pull_failure.NOT_FOUND, "BadImageRollout"}),
        "RateLimit": frozenset({pull_failure.RATE_LIMIT}),
        "RegistryAuth": frozenset({pull_failure.UNAUTHORISED}),
        "Registry": frozenset({pull_failure.REGISTRY}),
        "NodeDisk": frozenset({pull_failure.DISK}),
        "ImageArchitecture": frozenset({pull_failure.ARCHITECTURE}),
        "ImageName": frozenset({pull_failure.NAME}),
        "ImageNeverPulled": frozenset({pull_failure.NEVER}),
        "NodeRuntime": frozenset({pull_failure.RUNTIME}),
        "ImageSignature": frozenset({pull_failure.SIGNATURE}),
    }
    recoveries = POD_OVER | {"PodRecovered"}

    def is_sign(self, report: Reported) -> bool:
        """A pull that failed, by reason or by what the message says."""
        if report.labels.kind != "Pod":
            return False
        told = report.reason in ("Failed", "BackOff") and _MESSAGE.search(report.message) is not None
        return report.reason in _REASONS or told

    def judge(self, file: EvidenceFile) -> Verdict:
        """What the runtime said is the cause; recovered; or unknown."""
        return _judge(file)


ENTRY = ImagePull()


def _judge(file: EvidenceFile) -> Verdict:
    if well := healthy(file):
        return recovered(well)
    telling, cause = _latest_cause(file.signs)
    shown = telling or next(reversed(file.signs), None)
    seen = [Evidence(source="events", finding=shown.message or shown.reason, weight=0.4)] if shown else []
    if telling is None:
        return unknown(*seen)
    if cause != pull_failure.NOT_FOUND:
        return Verdict(type=cause, confidence=0.8, evidence=seen)
    return _of_missing_image(file, seen)


def _latest_cause(signs: list[Sign]) -> tuple[Sign | None, str]:
    """The latest sign that tells a cause: a back-off often only says that there is one."""
    for sign in reversed(signs):
        if cause := cause_of_pull(sign.reason, sign.message):
            return sign, cause
    return None, ""


def _of_missing_image(file: EvidenceFile, seen: list[Evidence]) -> Verdict:
    current = file.current_revision()
    if current is None:
        return _missing(seen, "the workload's revisions could not be seen: whether a rollout brought it is not known")
    said = _causes_by_image(file.signs)
    failing = {image for image, cause in said.items() if cause == pull_failure.NOT_FOUND}
    if failing and not failing & set(current.images.values()):
        finding = "the image that failed is not in the present revision"
        return unknown(*seen, Evidence(source="rollout", finding=finding))
    if current.was_available:
        return _missing(
            seen, f"revision {current.revision} ran with it: the image is gone since, its rollout is not at fault"
        )
    return _compare(file, current, seen, failing or set(current.images.values()), set(said))


def _causes_by_image(signs: list[Sign]) -> dict[str, str]:
    """What was said last of each image that cannot be pulled: one may be missing while another one's registry only does not answer."""
    told = [(_image_of(sign), cause_of_pull(sign.reason, sign.message)) for sign in signs]
    return {image: cause for image, cause in told if image and cause}


def _image_of(sign: Sign) -> str:
    """An event names it in its message alone."""
    named = _IMAGE.search(sign.message[: pull_failure.MAX_READ])
    return sign.raw_data.image or (named[1] if named else "")


def _compare(
    file: EvidenceFile, current: RevisionSummary, seen: list[Evidence], missing: set[str], failing: set[str]
) -> Verdict:
    """Whether the rollout brought in what is missing. `failing`: all images that cannot be pulled now, for whatever cause."""
    earlier = file.earlier_available()
    if not earlier:
        return _missing(seen, "no earlier revision is known to have been available")
    before = earlier[0]
    changed = {
        c: (before.images.get(c, ""), image)
        for c, image in current.images.items()
        if image in missing and image not in before.images.values()
    }
    if not changed:
        finding = f"revision {before.revision} ran with the image that fails: it was there before, and the rollout did not bring it"
        return unknown(*seen, Evidence(source="rollout", finding=finding))
    change = "; ".join(f"{container}: {old} -> {new}" for container, (old, new) in changed.items())
    finding = f"revision {current.revision} changed {change}; revision {before.revision} was available"
    told = [*seen, Evidence(source="rollout", finding=finding, weight=0.6), *owned_elsewhere(file)]
    if lost := sorted(failing & set(before.images.values())):
        why = f"{', '.join(lost)} of revision {before.revision} cannot be pulled either: no rollback is proposed"
        return Verdict(
            type="BadImageRollout", confidence=0.92, evidence=[*told, Evidence(source="rollout", finding=why)]
        )
    return Verdict(
        type="BadImageRollout",
        confidence=0.92,
        evidence=told,
        recommendations=roll_back(file, before, only_images=True),
    )


def _missing(seen: list[Evidence], finding: str) -> Verdict:
    return Verdict(
        type=pull_failure.NOT_FOUND, confidence=0.7, evidence=[*seen, Evidence(source="rollout", finding=finding)]
    )
