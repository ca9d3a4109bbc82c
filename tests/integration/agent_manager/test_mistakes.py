"""A message that our own code, or PostgreSQL, cannot take stops nobody: it is tried again, then put aside, and the others are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.agent_manager.intake import admission, ingest
from aetherius.agent_manager.orders import results
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import CommandStatus
from aetherius.event_store.log import Log
from aetherius.runtime.jetstream.streams import CONTROL, EVENTS
from manager_site import Site, events_of

pytestmark = pytest.mark.anyio

QUICK = 0.01
"""Seconds between tries."""


async def test_an_event_that_the_log_cannot_store_is_put_aside_and_the_others_are_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    [bad] = events_of([2])
    tries = 0
    store = Log.ingest

    def breaking(log: Log, stored: Sequence[StoredEvent]) -> int:
        nonlocal tries
        if any(str(event.originator_id) == bad.id for event in stored):
            tries += len(stored) == 1
            raise ZeroDivisionError
        return store(log, stored)

    monkeypatch.setattr(Log, "ingest", breaking)
    for number in (1, 2, 3):
        await site.report(*events_of([number]))
    async with site.manager(retry_delay=QUICK):
        [letter] = await site.dead_letters(1)
        await site.empty(EVENTS)
        await site.report(*events_of([4]))
        await site.empty(EVENTS)
    assert letter.reason == "not handled: ZeroDivisionError"
    assert tries == 5
    assert sorted(event.sequence for event in site.events(Reported)) == [1, 3, 4]


async def test_a_message_that_breaks_its_decoding_is_put_aside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    admit = admission.admit

    def breaking(subject: str, *given: Any) -> Any:
        if subject.split(".")[2] == "odd":
            raise RecursionError("too deep")
        return admit(subject, *given)

    monkeypatch.setattr(ingest, "admit", breaking)
    async with site.manager():
        await site.report(*events_of([1], "odd"), cluster="odd")
        await site.report(*events_of([2]))
        [letter] = await site.dead_letters(1)
        await site.empty(EVENTS)
    assert letter.reason == "not handled: RecursionError: too deep"
    assert [event.sequence for event in site.events(Reported)] == [2]


async def test_a_result_that_cannot_be_handled_is_put_aside_and_the_next_is_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, plain = site.issue(), site.issue()
    decode = results.decode_result

    def breaking(payload: bytes) -> Any:
        if str(odd).encode() in payload:
            raise ZeroDivisionError
        return decode(payload)

    monkeypatch.setattr(results, "decode_result", breaking)
    async with site.manager(retry_delay=QUICK):
        await site.until(lambda: site.status(plain) is CommandStatus.DISPATCHED)
        await site.answer(odd)
        await site.answer(plain)
        [letter] = await site.dead_letters(1)
        await site.until(lambda: site.status(plain) is CommandStatus.SUCCEEDED)
        await site.empty(CONTROL)
    assert letter.reason == "not handled: ZeroDivisionError"
