"""Turns what the watches show into observations in the spool: one thread, in the order of arrival, many changes in one transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from aetherius.domain.catalogue.event_reasons import event_reasons
from aetherius.edge_agent.kubernetes_objects import ClusterEvent, Job, Node, Pod, ReplicaSet
from aetherius.edge_agent.telling.observation import Observation, dated
from aetherius.edge_agent.telling.spool import Spool
from aetherius.edge_agent.watching import node_conditions
from aetherius.edge_agent.watching.events import EventClassifier
from aetherius.edge_agent.watching.job_status import JobEnds
from aetherius.edge_agent.watching.node_status import readiness
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.pod_status import PodStatusClassifier
from aetherius.edge_agent.watching.recovery import Recovery, RecoveryClassifier
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from aetherius.edge_agent.watching.standing import Standing, excused_until
from aetherius.edge_agent.watching.versions import LatestVersions
from aetherius.edge_agent.watching.watch import Change, Changes, Listed
from aetherius.edge_agent.watching.well_since import WellSince
from aetherius.runtime.clock import Clock, utc_now

BATCH: Final = 256
"""Changes in one transaction."""
TICK: Final = 0.5
"""Seconds between looks at the pods that may have recovered."""


class Collector:
    """Reads the queue of changes until told to stop."""

    def __init__(
        self,
        cluster_id: str,
        owners: Owners,
        revisions: AvailableRevisions,
        spool: Spool,
        *,
        recovery_soak: float,
        crash_calm: float,
        lookback: float,
        clock: Clock = utc_now,
    ) -> None:
        """
        Args:
            recovery_soak: seconds that a pod must stay Ready to count as recovered.
            crash_calm: seconds without an end of a container after which a pod that crashed counts as stable.
            lookback: seconds; older news is history. What is so now is told however long it has been so.
        """
        self._cluster_id = cluster_id
        self._owners = owners
        self._revisions = revisions
        self._spool = spool
        self._standing, self._versions = Standing(), LatestVersions()
        soak, calm = timedelta(seconds=recovery_soak), timedelta(seconds=crash_calm)
        self._well = WellSince(calm, clock)
        self._events = EventClassifier(cluster_id, event_reasons(), owners, self._standing, self._well)
        self._jobs = JobEnds(cluster_id, event_reasons(), owners)
        self._pods = PodStatusClassifier(cluster_id, event_reasons(), owners)
        self._recoveries = RecoveryClassifier(cluster_id, owners, soak=soak, calm=calm)
        self._lookback = timedelta(seconds=lookback)
        self._clock = clock
        self._recovering: dict[str, list[Recovery]] = {}
        """What is to be told of pods when its time has come, by uid."""
        self._away: dict[str, tuple[datetime, Node]] = {}
        """Nodes that are away and excused, by uid, with the end of their excuse."""
        self._gone: list[str] = []

    def run(self, changes: Changes, stop: threading.Event, on_new: Callable[[], None]) -> None:
        """Collect until `stop`; then what the queue still holds. `on_new` is called after each commit that added something."""
        while not (stop.is_set() and changes.empty()):
            if self.collect(_gather(changes)):
                on_new()

    def collect(self, batch: list[Change]) -> int:
        """Take a batch of changes; returns how many observations were new."""
        new, observations = 0, list[Observation]()
        for change in batch:
            if isinstance(
                change.object, Listed
            ):  # what failed up to here is compared with the list, not what comes after it
                new += self._store(observations)
                observations = [*self._jobs.of_list()] if change.object.kind == "Job" else []
                self._spool.note_listed(change.object.kind, change.object.uids, self._clock().timestamp())
                if change.object.kind == "Pod":
                    self._well.note_listed(change.object.uids)
            else:
                observations += self._observe(change)
        observations += self._overdue(self._clock())
        observations += self._recovered(self._clock())  # last: the spool keeps a recovery only after its failure
        return new + self._store(observations)

    def _store(self, observations: list[Observation]) -> int:
        now = self._clock()
        new = self._spool.add(dated(each, now) for each in observations) if observations else 0
        self._spool.note_gone(self._gone, now.timestamp())  # after: what failed and went in one batch is gone
        self._gone = []
        return new

    def _observe(self, change: Change) -> Iterator[Observation]:
        if isinstance(change.object, Pod | Node | ReplicaSet | Job) and self._versions.is_past(
            change.object.metadata, listed=change.listed
        ):
            return
        match change.object:
            case ReplicaSet() as replica_set:
                self._note_replica_set(replica_set, deleted=change.deleted)
            case Pod() as pod:
                yield from self._observe_pod(pod, deleted=change.deleted)
            case Node() as node:
                yield from self._observe_node(node, deleted=change.deleted)
            case Job() as job if not change.deleted:
                yield from self._observe_job(job, listed=change.listed)
            case ClusterEvent() as event if not change.deleted:
                if not self._jobs.is_known(event):
                    yield from self._recent(self._events.classify(event))
            case _:
                pass

    def _recent(self, *observations: Observation) -> Iterator[Observation]:
        edge = self._clock() - self._lookback
        return (each for each in observations if each.present or each.timestamp >= edge)

    def _note_replica_set(self, replica_set: ReplicaSet, *, deleted: bool) -> None:
        uid = replica_set.metadata.uid
        if deleted:
            self._revisions.forget(uid)
            return
        self._owners.learn("ReplicaSet", replica_set.metadata)
        if replica_set.status.available_replicas:
            self._revisions.note(uid)
        else:
            self._revisions.note_unavailable(uid)

    def _observe_job(self, job: Job, *, listed: bool) -> Iterator[Observation]:
        self._owners.learn("Job", job.metadata)
        if listed:
            self._jobs.hold(job)
        else:
            yield from self._jobs.failures([job])

    def _observe_pod(self, pod: Pod, *, deleted: bool) -> Iterator[Observation]:
        uid = pod.metadata.uid
        self._owners.learn("Pod", pod.metadata, pod.spec.node_name)
        self._standing.learn_pod(pod, deleted=deleted)
        self._well.learn_pod(pod)
        if deleted:
            self._recovering.pop(uid, None)
            self._gone.append(uid)
            return
        now = self._clock()
        yield from self._recent(*self._pods.failures(pod, now))
        awaited = {each.observation.id: each for each in self._recovering.pop(uid, ())}
        if found := self._recoveries.recoveries(pod, now):
            self._recovering[uid] = [awaited.get(each.observation.id, each) for each in found]

    def _recovered(self, now: datetime) -> Iterator[Observation]:
        due = [uid for uid, awaited in self._recovering.items() if any(each.due <= now for each in awaited)]
        for uid in due:
            awaited = self._recovering.pop(uid)
            yield from (each.observation for each in awaited if each.due <= now)
            if left := [each for each in awaited if each.due > now]:
                self._recovering[uid] = left

    def _observe_node(self, node: Node, *, deleted: bool) -> Iterator[Observation]:
        uid, now = node.metadata.uid, self._clock()
        self._standing.learn_node(node, now, deleted=deleted)
        self._well.learn_node(node)
        self._away.pop(uid, None)
        if deleted:
            self._gone.append(uid)
            return
        if (end := excused_until(node)) and end > now:
            self._away[uid] = (end, node)
        if found := readiness(self._cluster_id, node, now):
            yield found
        yield from node_conditions.turns(self._cluster_id, node, event_reasons())

    def _overdue(self, now: datetime) -> Iterator[Observation]:
        """Of nodes that were to be back, or gone, by now."""
        for node in [node for end, node in self._away.values() if end <= now]:
            yield from self._observe_node(node, deleted=False)


def _gather(changes: Changes) -> list[Change]:
    """The next changes: waits for the first, takes what else is there."""
    batch: list[Change] = []
    try:
        batch.append(changes.get(timeout=TICK))
        while len(batch) < BATCH:
            batch.append(changes.get_nowait())
    except queue.Empty:
        pass
    return batch
