"""The internal bus, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from aetherius.agent_manager.relays.observations import CHECKPOINT
from aetherius.domain.event import Cause
from aetherius.domain.keyring import is_sealed
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import ResultMessage, ResultStatus
from aetherius.domain.wire.critical_event import CriticalEventMessage
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.definition import Retired, definition_stream
from aetherius.orchestrator.workflow.publication import PublishedDefinition, publish
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.runtime.jetstream.streams import INTERNAL
from manager_site import PATIENCE, Site, events_of, headers_of
from sealed_state import KEYS

pytestmark = pytest.mark.anyio


async def test_severe_events_are_told_once_with_their_category(site: Site) -> None:
    told = await site.js.subscribe(subjects.CRITICAL_EVENT, ordered_consumer=True)
    async with site.manager():
        await site.report(*events_of([1]), *events_of([2], severity=Severity.CRITICAL, reason="FailedMount"))
        message = await told.next_msg(PATIENCE)
    event = msgspec.json.decode(message.data, type=CriticalEventMessage)
    assert (event.cluster_id, event.severity, event.resource.name) == ("c1", Severity.CRITICAL, "shop-1")
    assert event.category == "storage"
    assert event.details["reason"] == "FailedMount"
    assert headers_of(message)[headers.MESSAGE_ID] == event.event_id
    site.log.reset_checkpoint(CHECKPOINT)
    async with site.manager():  # reads everything again
        await site.until(lambda: site.log.checkpoint(CHECKPOINT) > 0)
        assert await site.waiting(INTERNAL) == 1


async def test_a_severe_event_suggests_the_workflow_that_it_would_start(site: Site) -> None:
    catalogue = ShippedWorkflows(shipped(), {})
    publish(site.log, catalogue)
    told = await site.js.subscribe(subjects.CRITICAL_EVENT, ordered_consumer=True)
    async with site.manager():
        for number, reason in enumerate(("CrashLoopBackOff", "OOMKilled"), start=1):
            await site.report(*events_of([number], severity=Severity.HIGH, reason=reason))
        messages = [
            msgspec.json.decode((await told.next_msg(PATIENCE)).data, type=CriticalEventMessage) for _ in range(2)
        ]
    suggested = {message.details["reason"]: message.suggested_workflow for message in messages}
    assert suggested == {"CrashLoopBackOff": "diagnose_pod_crashloop", "OOMKilled": ""}


async def test_a_retired_workflow_is_not_suggested(site: Site) -> None:
    publish(site.log, ShippedWorkflows(shipped(), {}))
    stream = site.log.load(PublishedDefinition, definition_stream("diagnose_pod_crashloop"))
    stream.record(Retired(name="diagnose_pod_crashloop"), datetime.now(UTC))
    site.log.save(stream, Cause(actor="user:test"))
    told = await site.js.subscribe(subjects.CRITICAL_EVENT, ordered_consumer=True)
    async with site.manager():
        await site.report(*events_of([1], severity=Severity.HIGH, reason="CrashLoopBackOff"))
        message = await told.next_msg(PATIENCE)
    assert msgspec.json.decode(message.data, type=CriticalEventMessage).suggested_workflow == ""


async def test_answers_to_commands_are_told(site: Site) -> None:
    told = await site.js.subscribe(subjects.COMMAND_RESULT, ordered_consumer=True)
    async with site.manager(result_grace=0.1):
        answered, lost = site.issue("c1"), site.issue("c2", lives=0.1, timeout="100ms")
        await site.answer(answered, output="hello")
        results = [msgspec.json.decode((await told.next_msg(PATIENCE)).data, type=ResultMessage) for _ in range(2)]
    by_command = {result.command_id: result for result in results}
    assert by_command[str(answered)].status is ResultStatus.SUCCESS
    assert is_sealed(by_command[str(answered)].output)
    assert KEYS.open(by_command[str(answered)].output, answered) == "hello"
    assert by_command[str(lost)].status is ResultStatus.UNKNOWN
    assert by_command[str(lost)].cluster_id == "c2"
