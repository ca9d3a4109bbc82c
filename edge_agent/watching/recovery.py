"""What tells that a pod which failed is well: it is done, it has been Ready for a moment, or nothing in it has ended for longer than a back-off lasts.

A container that crashes is Ready for a moment at each turn, so for a pod with restarts only the calm is the end of its failing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from aetherius.domain.wire.event import RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import Pod
from aetherius.edge_agent.telling.observation import Observation
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.pod_status import SOURCE, labels_of

RECOVERED: Final = "PodRecovered"
STABLE: Final = "PodStable"
COMPLETED: Final = "PodCompleted"
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Recovery(msgspec.Struct, frozen=True):
    """A word that is to be told at `due`, if nothing of it changes until then."""

    due: datetime
    observation: Observation


class RecoveryClassifier:
    """Whether a pod had failed before is for the spool to know."""

    def __init__(self, cluster_id: str, owners: Owners, *, soak: timedelta, calm: timedelta) -> None:
        """`soak`: that a pod must stay Ready to count as recovered. `calm`: that none of its containers may end to count as stable."""
        self._cluster_id, self._owners = cluster_id, owners
        self._soak, self._calm = soak, calm

    def recoveries(self, pod: Pod, now: datetime) -> list[Recovery]:
        """What is to be told of the pod as it is at the moment `now`; nothing of one that is not Ready, or was told to go."""
        if pod.metadata.deletion_timestamp is not None:
            return []
        if pod.status.phase == "Succeeded":
            return [Recovery(now, self._observation(pod, COMPLETED, _since(pod), "the pod is done", failing=False))]
        ready = pod.condition("Ready")
        if ready is None or ready.status != "True":
            return []
        restarted = _has_restarted(pod)
        recovered = self._observation(
            pod, RECOVERED, _since(pod), "the pod is Ready again", failing=None if restarted else False
        )
        found = [Recovery(min(_since(pod), now) + self._soak, recovered)]
        return [*found, self._stable(pod, now)] if restarted else found

    def _stable(self, pod: Pod, now: datetime) -> Recovery:
        calm_since = max([_since(pod), *_ends(pod)])
        message = f"the pod is Ready, and none of its containers has ended for {self._calm.total_seconds():g} s"
        return Recovery(
            min(calm_since, now) + self._calm,
            self._observation(pod, STABLE, calm_since + self._calm, message, failing=False),
        )

    def _observation(self, pod: Pod, reason: str, at: datetime, message: str, *, failing: bool | None) -> Observation:
        return Observation(
            id=observation_id(self._cluster_id, at, pod.metadata.uid, reason),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=SOURCE,
            severity=Severity.LOW,
            reason=reason,
            message=message,
            namespace=pod.metadata.namespace,
            labels=labels_of(pod, self._owners),
            raw_data=RawData(restart_count=sum(each.restart_count for each in pod.status.container_statuses)),
            uid=pod.metadata.uid,
            resource_version=pod.metadata.resource_version,
            failing=failing,
            after_failure=True,
        )


def _since(pod: Pod) -> datetime:
    ready = pod.condition("Ready")
    return (ready.last_transition_time if ready else None) or pod.metadata.creation_timestamp or _EPOCH


def _has_restarted(pod: Pod) -> bool:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return any(each.restart_count or each.last_state.terminated for each in statuses)


def _ends(pod: Pod) -> list[datetime]:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    ends = (each.last_state.terminated.finished_at for each in statuses if each.last_state.terminated)
    return [at for at in ends if at]
