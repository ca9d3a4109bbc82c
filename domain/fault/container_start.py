"""A container that cannot be created or started, whatever the kubelet calls it: the command, a hook, a mount, what the node forbids or lacks.

Every reason for which a container waits is somebody's trouble. The ones that other faults know are theirs; all others, also those that a later kubelet
will bring, come here.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.rollout import healthy
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_REASONS: Final = (
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "StartError",
    "ContainerCannotRun",
    "CreatePodSandboxError",
    "ConfigPodSandboxError",
    "FailedCreatePodContainer",
    "FailedPostStartHook",
)
_MESSAGE: Final = re.compile(rf"Error: (?:{'|'.join(_REASONS)}|failed to (?:create|start|generate|reserve) )")
_UNKNOWN_WAIT: Final = re.compile(r"\w(?:Error|BackOff|Failed|Unavailable)\Z")
"""How a kubelet names why a container waits."""
_MAX_READ: Final = 8192
_RULES: Final = tuple(
    (cause, re.compile(words))
    for cause, words in (
        ("NodeDiskFull", r"no space left"),
        ("MountFailed", r"error mounting|mount through procfd|mount a directory onto a file|subpath"),
        ("HookFailed", r"hook"),
        (
            "CommandNotRunnable",
            r"executable file not found|no such file or directory|permission denied|no command specified",
        ),
        ("ImageForOtherPlatform", r"exec format error"),
        ("ForbiddenContext", r"runasnonroot|run as root|apparmor|seccomp|selinux|capabilit|operation not permitted"),
        ("MountFailed", r"mount|subpath|volume"),
        (
            "RuntimeFailed",
            r"deadline exceeded|context canceled|is reserved for|name conflict|timed? ?out|connection refused|cgroup|containerd task|\brunc\b|\bshim\b",
        ),
    )
)


class ContainerStart(Fault):
    """The entry."""

    symptom = "start_error"
    strategy = Strategy(
        id="container-start",
        workflow="diagnose_container_start",
        about="Read why the container cannot start, and tell the owner",
    )
    causes = {
        "ContainerCommand": frozenset({"CommandNotRunnable"}),
        "Hook": frozenset({"HookFailed"}),
        "NodeDisk": frozenset({"NodeDiskFull"}),
        "ImageArchitecture": frozenset({"ImageForOtherPlatform"}),
        "SecurityContext": frozenset({"ForbiddenContext"}),
        "Mount": frozenset({"MountFailed"}),
        "NodeRuntime": frozenset({"RuntimeFailed"}),
    }
    recoveries = POD_OVER | {"PodRecovered"}
    precedence = -1  # what another fault knows is that one's

    def is_sign(self, report: Reported) -> bool:
        """A container that waits for a reason that no other fault knows, or an event or an end that says the same."""
        if report.labels.kind != "Pod":
            return False
        raw = report.raw_data
        waits = report.source == "container_status" and bool(raw.container) and raw.exit_code is None
        waits = waits and _UNKNOWN_WAIT.search(report.reason) is not None
        told = report.reason == "Failed" and _MESSAGE.search(report.message) is not None
        return waits or told or report.reason in _REASONS

    def judge(self, file: EvidenceFile) -> Verdict:
        """What the kubelet said is the cause; recovered; or unknown."""
        return _judge(file)


ENTRY = ContainerStart()


def _judge(file: EvidenceFile) -> Verdict:
    if well := healthy(file):
        return recovered(well)
    for sign in reversed(file.signs):
        if cause := cause_of_start(sign.reason, sign.message):
            return Verdict(type=cause, confidence=0.75, evidence=[_seen(sign.reason, sign.message)])
    return unknown(*(_seen(sign.reason, sign.message) for sign in file.signs[-1:]))


def cause_of_start(reason: str, message: str) -> str:
    """The cause in the rule's words; empty where neither reason nor message tells it."""
    if "Hook" in reason:
        return "HookFailed"
    said = message[:_MAX_READ].lower()
    return next((cause for cause, words in _RULES if words.search(said)), "")


def _seen(reason: str, message: str) -> Evidence:
    return Evidence(source="events", finding=f"{reason}: {message}" if message else reason, weight=0.5)
