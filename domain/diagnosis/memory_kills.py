"""Which OOM kills explain why containers crash now: of the same container, and of the end that is looked at.

A sidecar that was killed yesterday does not explain why the app exits today, and a child that was killed does not explain what its parent did.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from aetherius.domain.diagnosis.evidence import EvidenceFile, Sign
from aetherius.domain.diagnosis.termination import Termination
from aetherius.domain.wire.analysis import Evidence

SIGKILL: Final = 137
_KILLED: Final = "OOMKilled"
_SAME_END: Final = timedelta(seconds=30)
"""Between two sights of one end."""
SLOW: Final = timedelta(minutes=10)
"""Kills further apart than this are no loop: a back-off starts anew after so long."""


class MemoryKills(msgspec.Struct, frozen=True):
    """The kills of a file, by how far they explain."""

    told: list[Sign]
    """By events of the log, and not overtaken by another end of the same container."""
    described: list[Termination]
    """By a look at a pod, now."""
    others: list[Termination]
    """Latest ends of the same containers that were no kills."""
    overtaken: list[Sign]
    """Kills after which the same container ended otherwise."""
    looping: bool = True
    """Whether restarts are backed off; a kill after which a container runs again is none of a loop."""

    @classmethod
    def of(cls, file: EvidenceFile) -> MemoryKills:
        """Read a file of evidence."""
        kills = [sign for sign in file.signs_of(_KILLED) if sign.raw_data.exit_code in (SIGKILL, None)]
        looping = {_place(sign) for sign in file.signs_of("CrashLoopBackOff", "BackOff")}
        kills = [sign for sign in kills if not looping or {_place(sign), (sign.labels.name, "")} & looping]
        told = [sign for sign in kills if not _is_overtaken(sign, file)]
        watched = {sign.raw_data.container for sign in kills} | {container for _, container in looping}
        ends = _latest_ends(file, watched - {""})
        described = [end for end in ends if end.reason == _KILLED and end.exit_code == SIGKILL]
        others = [end for end in ends if end not in described]
        return cls(told, described, others, [sign for sign in kills if sign not in told], bool(looping))

    @property
    def explain(self) -> bool:
        """Whether there is a kill that explains anything."""
        return bool(self.told or self.described)

    @property
    def times(self) -> list[datetime]:
        """When."""
        known = [at for sign in self.told if (at := sign.raw_data.last_timestamp)]
        return [*known, *(end.finished for end in self.described if end.finished)]

    @property
    def confidence(self) -> float:
        """0 to 1: two sights are surer than one; a look that shows another end makes it doubtful."""
        if self.others and not self.described:
            return 0.4
        return 0.95 if self.told and self.described else 0.75

    @property
    def evidence(self) -> list[Evidence]:
        """What was seen of them, and what speaks against."""
        ends = [("container ended", 0.5, end) for end in self.described]
        ends += [("but also: a container ended", 0.2, end) for end in self.others if self.explain]
        return [
            *(Evidence(source="events", finding=_quote(sign), weight=0.5) for sign in self.told[-2:]),
            *(
                Evidence(source=end.step, finding=f"{what} with {end.reason}, exit code {end.exit_code}", weight=weight)
                for what, weight, end in ends
            ),
            *(
                Evidence(source="events", finding=f"{_quote(sign)}, but it has ended otherwise since", weight=0.1)
                for sign in self.overtaken[-1:]
            ),
        ]

    @property
    def limit(self) -> tuple[str, str]:
        """Container and memory limit of the latest kill that tells them; empty where none does."""
        known = next((sign.raw_data for sign in reversed(self.told) if sign.raw_data.memory_limit), None)
        return (known.container, known.memory_limit) if known else ("", "")

    @property
    def _follow_each_other(self) -> bool:
        """Whether the log tells of kills of one container within minutes: no kubelet lets it run on then without a back-off, told of yet or not."""
        known = sorted((*_place(sign), at) for sign in self.told if (at := sign.raw_data.last_timestamp))
        return any(one[:2] == other[:2] and timedelta(0) < other[2] - one[2] <= SLOW for one, other in pairwise(known))

    def slow_evidence(self, reopened: int) -> list[Evidence]:
        """A finding where the kills are no loop, or come back after hours: a limit that is too low is met at once, a leak takes its time."""
        times = sorted(set(self.times))
        gaps = [later - earlier for earlier, later in pairwise(times) if later - earlier > _SAME_END]
        is_loop = self.looping or not times or self._follow_each_other
        if not reopened and is_loop and (not gaps or min(gaps) <= SLOW):
            return []
        often = (
            f"it came back {reopened} time(s)" if reopened else f"{len(gaps) + 1} kill(s), and no back-off between them"
        )
        return [Evidence(source="events", finding=f"{often}: a limit that is too low, or a slow leak", weight=0.2)]


def _place(sign: Sign) -> tuple[str, str]:
    return sign.labels.name, sign.raw_data.container


def _is_overtaken(kill: Sign, file: EvidenceFile) -> bool:
    """Whether a later back-off of the same container tells of another end."""
    at = kill.raw_data.last_timestamp
    for sign in file.signs_of("CrashLoopBackOff"):
        first, code = sign.raw_data.first_timestamp, sign.raw_data.exit_code
        if _place(sign) != _place(kill) or code in (None, SIGKILL):
            continue
        if at is None or first is None or first > at:
            return True
    return False


def _latest_ends(file: EvidenceFile, containers: set[str]) -> list[Termination]:
    """The latest end of each container that matters, by description."""
    latest: dict[tuple[str, str], Termination] = {}
    for end in file.terminations():
        if not containers or not end.container or end.container in containers:
            latest[end.step, end.container] = end
    return list(latest.values())


def _quote(sign: Sign) -> str:
    raw = sign.raw_data
    limit = raw.memory_limit or "none"
    return f"{sign.labels.name}/{raw.container}: OOMKilled (exit code {raw.exit_code}), memory limit {limit}"
