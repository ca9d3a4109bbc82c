"""A registry that several workloads cannot pull from: it is away, limits, or refuses them. Not an image that it does not have: that is the image's own fault."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import pull_failure
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.pull_failure import cause_of_pull
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.image_pull import ENTRY as IMAGE_PULL
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing

DEFAULT_HOST: Final = "docker.io"
"""Of an image name without a host."""
_OF_THE_REGISTRY: Final = frozenset({pull_failure.REGISTRY, pull_failure.RATE_LIMIT, pull_failure.UNAUTHORISED})
_IN_MESSAGE: Final = re.compile(r'image "([^"\s]{1,512})"')
_PRIVATE: Final = (".local", ".internal", ".svc", ".lan", ".home", ".test", ".localhost")
"""Ends of names that mean another host in each cluster."""


class Registry(SharedCause):
    """The entry."""

    kinds = ("Registry",)
    causes = {
        "Registry": frozenset({pull_failure.REGISTRY}),
        "RateLimit": frozenset({pull_failure.RATE_LIMIT}),
        "RegistryAuth": frozenset({pull_failure.UNAUTHORISED}),
    }

    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The image's host, for a pull that failed by the registry's doing."""
        if shown.symptom != IMAGE_PULL.symptom or cause_of_pull(report.reason, report.message) not in _OF_THE_REGISTRY:
            return None
        image = report.raw_data.image or _named_in(report.message)
        if not image:
            return None
        host = host_of(image)
        return SharedThing(kind="Registry", name=host, cluster_id=report.cluster_id if is_private(host) else "")

    def judge(self, file: EvidenceFile) -> Verdict:
        """What the members were told; the cause that most of them name."""
        told = [cause for sign in file.signs if (cause := cause_of_pull(sign.reason, sign.message)) in _OF_THE_REGISTRY]
        evidence = list(told_together(file, f"workloads cannot pull from {file.about.name}"))
        if not told:
            return unknown(*evidence)
        most = max(sorted(set(told)), key=told.count)
        return Verdict(type=most, confidence=0.85, evidence=evidence)


ENTRY = Registry()


def host_of(image: str) -> str:
    """The registry of an image name: the part before the first slash, if it looks like a host."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first.lower() if is_host else DEFAULT_HOST


def is_private(host: str) -> bool:
    """Whether the name may mean another machine in another cluster."""
    name = host.rpartition(":")[0] if re.search(r":\d+\Z", host) else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith(_PRIVATE)
    return True


def _named_in(message: str) -> str:
    found = _IN_MESSAGE.search(message[: pull_failure.MAX_READ])
    return found[1] if found else ""
