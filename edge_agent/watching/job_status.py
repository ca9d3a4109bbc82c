"""What a Job's status says: that it gave up. Its event says the same, and is gone after an hour; of the two the first is told.

A list shows what ended long ago, and the failed run that a CronJob keeps says nothing once a later run was well: of all runs of one owner that are listed
the last end counts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.event_reasons import EventReasons
from aetherius.domain.wire.event import Labels, RawData
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.kubernetes_objects import ClusterEvent, Job
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation, shortened
from aetherius.edge_agent.watching.owners import Owners

SOURCE: Final = "job_status"
FAILED: Final = "JobFailed"
"""A Job that failed, and does not say why."""
MAX_KNOWN: Final = 20_000
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class JobEnds:
    """For one thread."""

    def __init__(self, cluster_id: str, catalogue: EventReasons, owners: Owners) -> None:
        self._cluster_id, self._catalogue, self._owners = cluster_id, catalogue, owners
        self._told: OrderedDict[tuple[str, str], str] = OrderedDict()
        """What told that a Job failed for a reason."""
        self._listed: list[Job] = []

    def hold(self, job: Job) -> None:
        """It stands in a list: wait for the others."""
        self._listed.append(job)

    def of_list(self) -> Iterator[Observation]:
        """The list is complete."""
        last: dict[tuple[str, str, str], Job] = {}
        for job in sorted((each for each in self._listed if each.end), key=_ended):
            last[self._run_of(job)] = job
        self._listed = []
        yield from self.failures(last.values())

    def failures(self, jobs: Iterable[Job]) -> Iterator[Observation]:
        """What is to be told of Jobs as they are: nothing of one that does not say when it failed, or of which the event was told."""
        for job in jobs:
            end, uid = job.end, job.metadata.uid
            if end is None or end.type != "Failed" or end.last_transition_time is None:
                continue
            reason = end.reason or FAILED
            if (uid, reason) not in self._told:
                self._remember(uid, reason, SOURCE)
                yield self._failure(job, reason, end.message or "the Job failed", end.last_transition_time)

    def is_known(self, event: ClusterEvent) -> bool:
        """Whether an event says what its Job's status has said."""
        about, reason = event.involved_object, event.reason or ""
        if about.kind != "Job" or event.type == "Normal":
            return False
        known = self._told.get((about.uid, reason), "")
        if not known:
            self._remember(about.uid, reason, "event")
        return known == SOURCE

    def _remember(self, uid: str, reason: str, source: str) -> None:
        self._told[uid, reason] = source
        if len(self._told) > MAX_KNOWN:
            self._told.popitem(last=False)

    def _run_of(self, job: Job) -> tuple[str, str, str]:
        owner = job.metadata.controller
        named = (owner.kind, owner.name) if owner else ("Job", job.metadata.name)
        return job.metadata.namespace, *named

    def _failure(self, job: Job, reason: str, message: str, at: datetime) -> Observation:
        metadata = job.metadata
        owner = self._owners.top("Job", metadata.namespace, metadata.name)
        found = self._catalogue.lookup(
            reason, kind="Job", source="job-controller", event_type="Warning", message=message
        )
        return Observation(
            id=observation_id(self._cluster_id, at, metadata.uid, reason),
            cluster_id=self._cluster_id,
            timestamp=at,
            source=SOURCE,
            severity=found.severity,
            reason=reason,
            message=shortened(mask_start(message, MAX_MESSAGE)),
            namespace=metadata.namespace,
            labels=Labels(kind="Job", name=metadata.name, owner_kind=owner.kind, owner_name=owner.name),
            raw_data=RawData(first_timestamp=at, last_timestamp=at),
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            present=True,
        )


def _ended(job: Job) -> datetime:
    return (job.end.last_transition_time if job.end else None) or _EPOCH
