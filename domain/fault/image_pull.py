"""An image that cannot be pulled: did a rollout bring it in?

The same image that ran before and now cannot be pulled points at the registry or the network: no rollback helps, and the answer is `unknown`.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.rollout import healthy, owned_elsewhere, roll_back
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import POD_GONE, Fault
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_REASONS: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_MESSAGE: Final = re.compile(r"pull(ing)? image|ErrImagePull|ImagePullBackOff")


class ImagePull(Fault):
    """The entry."""

    symptom = "image_pull"
    strategy = Strategy(
        id="image-pull",
        workflow="diagnose_image_pull",
        about="Compare the rollout's revisions; go back if the latest brought the image in",
    )
    causes = {"Image": frozenset({"ImageNotFound", "BadImageRollout"})}
    recoveries = POD_GONE | {"PodRecovered"}

    def is_sign(self, report: Reported) -> bool:
        """A pull that failed, by reason or by what the message says."""
        if report.labels.kind != "Pod":
            return False
        told = report.reason in ("Failed", "BackOff") and _MESSAGE.search(report.message) is not None
        return report.reason in _REASONS or told

    def judge(self, file: EvidenceFile) -> Verdict:
        """A bad image in a rollout, recovered, or unknown."""
        return _judge(file)


ENTRY = ImagePull()


def _judge(file: EvidenceFile) -> Verdict:
    """A bad image in a rollout, recovered, or unknown."""
    failures = file.signs_of("ErrImagePull", "ImagePullBackOff", "Failed")
    seen = [Evidence(source="events", finding=sign.message, weight=0.4) for sign in failures[-1:]]
    current = file.current_revision()
    if not failures or current is None:
        return unknown(*seen)
    if well := healthy(file):
        return recovered(well)
    failing = {sign.raw_data.image for sign in failures if sign.raw_data.image}
    if failing and not failing & set(current.images.values()):
        return unknown(
            *seen, Evidence(source="rollout", finding="the image that failed is not in the present revision")
        )
    return _compare(file, current, seen, failing or set(current.images.values()))


def _compare(file: EvidenceFile, current: RevisionSummary, seen: list[Evidence], failing: set[str]) -> Verdict:
    earlier = file.earlier_available()
    if not earlier:
        finding = "no earlier revision is known to have been available"
        return Verdict(
            type="ImageNotFound", confidence=0.7, evidence=[*seen, Evidence(source="rollout", finding=finding)]
        )
    before = earlier[0]
    changed = {
        c: (before.images.get(c, ""), image)
        for c, image in current.images.items()
        if image in failing and image not in before.images.values()
    }
    if not changed:
        finding = (
            f"revision {before.revision} ran with the image that fails: the registry or the network, not the rollout"
        )
        return unknown(*seen, Evidence(source="rollout", finding=finding))
    change = "; ".join(f"{container}: {old} -> {new}" for container, (old, new) in changed.items())
    finding = f"revision {current.revision} changed {change}; revision {before.revision} was available"
    return Verdict(
        type="BadImageRollout",
        confidence=0.92,
        evidence=[*seen, Evidence(source="rollout", finding=finding, weight=0.6), *owned_elsewhere(file)],
        recommendations=roll_back(file, before, only_images=True),
    )
