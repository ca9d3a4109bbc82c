"""The brake: how many repairs may be under way at once, and how many may be begun in an hour without a person.

One repair that is wrong does harm once. A storm of faults that share a cause would have it done everywhere: the brake is what stands between. What is too much at once waits
for its turn; what is too much in an hour is not done, and a person is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

HOUR: Final = timedelta(hours=1)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is allowed. An action may have stricter limits of its own (`Repair.limits`)."""

    cluster_at_once: int = 3
    """Repairs under way in a cluster: as many as a person can still follow."""
    namespace_at_once: int = 2
    """In a namespace: its workloads lean on each other, and the second repair may be undone by what the first moves."""
    cluster_an_hour: int = 20
    """Begun in a cluster in the last hour without a person: more is a storm, which has a cause that no single repair mends."""
    namespace_an_hour: int = 10
    """In a namespace, likewise."""
    action_at_once: int = 2
    """Of one action in a cluster."""
    action_an_hour: int = 10
    """Of one action in a cluster, likewise."""

    def of(self, action: ActionLimits | None) -> ActionLimits:
        """What one action is allowed in a cluster: the stricter of both."""
        at_once, an_hour = self.action_at_once, self.action_an_hour
        if action is None:
            return ActionLimits(at_once=at_once, an_hour=an_hour)
        return ActionLimits(at_once=min(at_once, action.at_once), an_hour=min(an_hour, action.an_hour))


class ActionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one action is allowed in a cluster."""

    at_once: int
    an_hour: int


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """One approved repair: since when it waits, when it was begun, and when it ended."""

    remediation_id: UUID
    cluster_id: str
    namespace: str
    action: str
    by_person: bool
    approved_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    clean_up_held: bool = False
    """Its marks are still on the cluster, as a freeze forbids to take them off."""

    @property
    def under_way(self) -> bool:
        """It was begun and has not ended."""
        return self.begun_at is not None and self.ended_at is None

    @property
    def waits(self) -> bool:
        """It was not begun, and may yet be."""
        return self.begun_at is None and self.ended_at is None

    def forgotten(self, now: datetime) -> bool:
        """It ended, and no limit counts it any more."""
        begun = self.begun_at or self.approved_at
        return self.ended_at is not None and max(begun, self.ended_at) < now - HOUR and not self.clean_up_held


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it may begin; why not."""

    says: Literal["go", "wait", "refuse"]
    why: str = ""


_GO: Final = Verdict(says="go")


def verdict(
    wanted: Admission, known: Iterable[Admission], limits: Limits, action: ActionLimits | None, now: datetime
) -> Verdict:
    """Whether a repair may begin now, beside those that are known. A person's yes is not counted by the hour: somebody looks."""
    there = [each for each in known if each.cluster_id == wanted.cluster_id and each != wanted]
    near = [each for each in there if each.namespace == wanted.namespace]
    like = [each for each in there if each.action == wanted.action]
    own = limits.of(action)
    cluster, namespace = f"in cluster {wanted.cluster_id}", f"in namespace {wanted.namespace} of {wanted.cluster_id}"
    by_hour = (
        (there, limits.cluster_an_hour, f"repairs {cluster}"),
        (near if wanted.namespace else [], limits.namespace_an_hour, f"repairs {namespace}"),
        (like, own.an_hour, f"{wanted.action} {cluster}"),
    )
    at_once = (
        (there, limits.cluster_at_once, f"repairs {cluster}"),
        (near if wanted.namespace else [], limits.namespace_at_once, f"repairs {namespace}"),
        (like, own.at_once, f"{wanted.action} {cluster}"),
    )
    for found, most, what in by_hour if not wanted.by_person else ():
        if (count := sum(_lately(each, now) for each in found)) >= most:
            return Verdict(says="refuse", why=f"{count} {what} in the last hour, {most} are allowed without a person")
    for found, most, what in at_once:
        if (count := sum(each.under_way for each in found)) >= most:
            return Verdict(says="wait", why=f"{count} {what} are under way, {most} are allowed at once")
    return _GO


def _lately(admission: Admission, now: datetime) -> bool:
    return admission.begun_at is not None and admission.begun_at > now - HOUR
