"""What a reasoner is given of an incident, and how an aggregate is changed outside a process manager, on a log in memory."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from aetherius.domain import command
from aetherius.domain.incident import EventsCorrelated, Incident, Reopened, Resolved
from aetherius.domain.wire.analysis import AnalysisRequest
from aetherius.domain.workflow.definition import Published, definition_stream
from aetherius.event_store.change import change
from aetherius.event_store.errors import StreamNotFoundError, VersionConflictError
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.pending import Pending
from aetherius.orchestrator.analysis.reasoning import RuleReasoner
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.workflow.publication import publish
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from event_builders import CAUSE, NOON
from sealed_state import SEALING
from story_events import ADA, INCIDENT, asked, opened, ordered, report

COMMAND = UUID(int=0xC1)
SIGN = opened().event_id


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(sealing=SEALING)


def told(log: MemoryLog, stream: UUID, *events: Any) -> None:
    first = len(log.stream(stream)) + 1
    log.append([Pending(stream, first + n, event, NOON, CAUSE) for n, event in enumerate(events)])


def requested(log: MemoryLog, **inputs: UUID) -> AnalysisRequest:
    return request_of(log, UUID(int=1), msgspec.structs.replace(asked(), inputs=inputs), 30)


class TestRequests:
    def test_a_reasoner_sees_the_signs_and_what_commands_printed(self, log: MemoryLog) -> None:
        told(log, SIGN, report("OOMKilled"))
        told(log, INCIDENT, opened(), EventsCorrelated(count=1, ids=[UUID(int=2)], reasons=["BackOff"]))
        told(log, UUID(int=2), report("BackOff"))
        told(log, COMMAND, ordered(), command.Succeeded(exit_code=0, output="killed"))
        request = requested(log, look=COMMAND)
        assert [sign["reason"] for sign in request.context.events] == ["OOMKilled", "BackOff"]
        assert request.context.event["name"] == "web"
        assert request.context.logs == {"look": "killed"}

    def test_what_was_seen_before_a_return_is_no_evidence_after_it(self, log: MemoryLog) -> None:
        told(log, SIGN, report("OOMKilled"))
        ended = Resolved(how="repaired", summary="well")
        told(log, INCIDENT, opened(), ended, Reopened(event_id=UUID(int=2), reason="BackOff"))
        assert requested(log).context.events == []

    def test_what_nobody_has_is_empty(self, log: MemoryLog) -> None:
        told(log, COMMAND, ordered(), command.Lost(reason="expired"))
        request = requested(log, look=COMMAND, other=UUID(int=9))
        assert (request.context.event, request.context.logs) == ({}, {"look": "", "other": ""})

    @pytest.mark.anyio
    async def test_the_rules_answer_it(self, log: MemoryLog) -> None:
        told(log, SIGN, report("OOMKilled"))
        told(log, INCIDENT, opened())
        answer = await RuleReasoner().analyze(requested(log))
        assert answer.status == "completed"

    @pytest.mark.anyio
    async def test_a_request_that_cannot_be_understood_is_answered(self, log: MemoryLog) -> None:
        answer = await RuleReasoner().analyze(
            msgspec.structs.replace(
                request := requested(log),
                context=msgspec.structs.replace(request.context, events=[{"reason": 7}], event={"kind": 7}),
            )
        )
        assert (answer.status, answer.root_cause.type) == ("failed", "unknown")


class TestChanges:
    def test_a_decision_is_the_next_step_of_its_story(self, log: MemoryLog) -> None:
        told(log, INCIDENT, opened())
        assert change(log, Incident, INCIDENT, ADA, lambda incident: incident.acknowledge("ada", NOON)) == 2
        first, second = log.stream(INCIDENT)
        assert (second.cause.actor, second.cause.causation_id) == (ADA, first.id)

    def test_nothing_decided_is_nothing_written(self, log: MemoryLog) -> None:
        told(log, INCIDENT, opened())
        assert change(log, Incident, INCIDENT, ADA, lambda incident: None) == 1

    def test_a_stream_of_another_kind_is_not_there(self, log: MemoryLog) -> None:
        told(log, COMMAND, ordered())
        for id in (COMMAND, INCIDENT):
            with pytest.raises(StreamNotFoundError):
                change(log, Incident, id, ADA, lambda incident: None)

    def test_a_lost_race_is_run_again_but_not_for_ever(self, log: MemoryLog) -> None:
        told(log, INCIDENT, opened())
        races = [2]

        def decide(incident: Incident) -> None:
            incident.acknowledge("ada", NOON)
            if races[0]:
                races[0] -= 1
                told(log, INCIDENT, EventsCorrelated(count=1, ids=[SIGN], reasons=[]))

        assert change(log, Incident, INCIDENT, ADA, decide) == 4
        races[0] = 7
        with pytest.raises(VersionConflictError):
            change(log, Incident, INCIDENT, ADA, decide)


def test_a_definition_is_published_once_and_again_when_it_changes(log: MemoryLog) -> None:
    publish(log, ShippedWorkflows(shipped(), {}))
    count = log.head()
    publish(log, ShippedWorkflows(shipped(), {}))
    assert log.head() == count == len(shipped())
    publish(log, ShippedWorkflows(shipped(), {"diagnose_lost_node": {"grace": "5s"}}))
    *_, latest = log.stream(definition_stream("diagnose_lost_node"))
    assert isinstance(latest.event, Published)
    assert (log.head(), latest.event.definition.parameters) == (count + 1, {"grace": "5s"})
