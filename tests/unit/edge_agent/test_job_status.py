"""What a Job's status tells: once, whatever tells it first, and of listed runs only the last end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aetherius.domain.catalogue.event_reasons import event_reasons
from aetherius.domain.wire.event import Severity
from aetherius.edge_agent.kubernetes_objects import ClusterEvent, Job
from aetherius.edge_agent.watching.job_status import JobEnds
from aetherius.edge_agent.watching.owners import Owners

AT = "2026-03-01T09:15:00Z"


@pytest.fixture
def ends() -> JobEnds:
    return JobEnds("c1", event_reasons(), Owners(lambda path: None))


def a_job(name: str, end: str = "Failed", at: str = AT, cron_job: str = "night", **condition: Any) -> Job:
    owner = {"kind": "CronJob", "name": cron_job, "controller": True}
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": [owner] if cron_job else []}
    said = {"type": end, "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": at, **condition}
    return msgspec.convert({"metadata": metadata, "status": {"conditions": [said]}}, Job)


def an_event(name: str, reason: str = "BackoffLimitExceeded", kind: str = "Job", **fields: Any) -> ClusterEvent:
    about = {"kind": kind, "name": name, "uid": f"uid-{name}"}
    told = {"metadata": {"name": "e"}, "involvedObject": about, "reason": reason, "type": "Warning", **fields}
    return msgspec.convert(told, ClusterEvent)


def test_a_job_that_gave_up_is_told_with_its_reason(ends: JobEnds) -> None:
    (told,) = ends.failures([a_job("night-1")])
    assert (told.reason, told.severity, told.labels.kind) == ("BackoffLimitExceeded", Severity.HIGH, "Job")
    assert list(ends.failures([a_job("night-1")])) == []


@pytest.mark.parametrize(
    "job",
    [
        a_job("night-1", "Complete"),
        a_job("night-1", "FailureTarget"),
        a_job("night-1", status="False"),
        a_job("night-1", lastTransitionTime=None),
    ],
    ids=["well", "about to fail", "not so", "nobody knows when"],
)
def test_of_others_nothing_is_told(ends: JobEnds, job: Job) -> None:
    assert list(ends.failures([job])) == []


def test_what_the_event_told_the_status_does_not_repeat(ends: JobEnds) -> None:
    assert not ends.is_known(an_event("night-1"))
    assert list(ends.failures([a_job("night-1")])) == []


def test_what_the_status_told_the_event_does_not_repeat(ends: JobEnds) -> None:
    assert len(list(ends.failures([a_job("night-1")]))) == 1
    assert ends.is_known(an_event("night-1"))
    assert not ends.is_known(an_event("night-1", "FailedCreate"))
    assert not ends.is_known(an_event("night-1", kind="Pod"))


@pytest.mark.parametrize(("reason", "type_"), [("SuccessfulCreate", "Normal"), ("FailedCreate", "Warning")])
def test_an_event_that_repeats_is_the_logs_to_know(ends: JobEnds, reason: str, type_: str) -> None:
    assert not ends.is_known(an_event("night-1", reason, type=type_))
    assert not ends.is_known(an_event("night-1", reason, type=type_))


def test_of_the_runs_in_a_list_the_last_end_counts(ends: JobEnds) -> None:
    for job in (
        a_job("night-3", "Complete", "2026-03-01T09:00:00Z"),
        a_job("night-1", at="2026-03-01T07:00:00Z"),
        a_job("day-1", cron_job="day"),
        a_job("alone", cron_job=""),
    ):
        ends.hold(job)
    assert sorted(each.labels.name for each in ends.of_list()) == ["alone", "day-1"]
    assert list(ends.of_list()) == []
