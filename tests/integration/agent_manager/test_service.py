"""The whole process: how it stops, what it does without a broker, and what it says about itself."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from aetherius.agent_manager.orders.results import Results
from aetherius.domain.agent import WentOffline
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import CommandStatus
from aetherius.domain.wire import subjects
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import CONTROL, EVENTS
from aetherius.runtime.ports import free_port
from manager_site import PATIENCE, Site, events_of

pytestmark = pytest.mark.anyio


async def answers(http: httpx2.AsyncClient, status: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await http.get("/readyz")).status_code != status:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)


async def test_stopping_finishes_what_was_taken(site: Site) -> None:
    for start in range(1, 2001, 20):
        await site.report(*events_of(range(start, start + 20)))
    async with site.manager(fetch_messages=20, commit_events=100, ack_wait=30.0):
        await site.until(lambda: site.recorded(Reported))
    assert len(site.recorded(Reported)) + 20 * await site.waiting(EVENTS) == 2000  # stored is acknowledged
    async with site.manager():
        await site.empty(EVENTS)
    assert len(site.recorded(Reported)) == 2000


async def test_stopping_an_idle_manager_is_quick(site: Site) -> None:
    async with site.manager(drain_timeout=PATIENCE):
        await site.register()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < PATIENCE / 2, "it waited for what is not there"


async def test_stopping_is_bounded_although_a_result_is_never_done(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def hang(*given: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Results, "_finish", hang)
    async with site.manager(drain_timeout=1.0):
        await site.answer(site.issue())
        await asyncio.wait_for(begun.wait(), PATIENCE)
    assert await site.waiting(CONTROL) == 1


async def test_it_goes_on_when_nats_is_back_and_takes_nobody_offline_for_it(site: Site, broker: EmbeddedNats) -> None:
    async with site.manager(heartbeat_interval=2.0, missed_heartbeats=3):
        await site.register()
        await site.report(*events_of([1]))
        await site.until(lambda: site.recorded(Reported))
        await broker.stop()
        command = site.issue()
        await asyncio.sleep(7)  # longer than an agent may be silent
        await broker.start()
        await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
        await site.beat()
        await site.report(*events_of([2, 3]))
        await site.until(lambda: len(site.recorded(Reported)) == 3)
        assert not site.recorded(WentOffline)


async def test_health_says_whether_log_and_broker_answer(site: Site, broker: EmbeddedNats) -> None:
    port = free_port()
    async with site.manager(health_port=port), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await site.register()
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.get("/other")).status_code == 404
        assert (await http.post("/healthz")).status_code == 405
        await broker.stop()
        await answers(http, 503)
        assert (await http.get("/healthz")).status_code == 200
        await broker.start()
        await answers(http, 200)


async def test_prometheus_is_told_what_was_taken_what_was_put_aside_and_where_the_readers_stand(site: Site) -> None:
    port = free_port()
    async with site.manager(health_port=port), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        before = await metrics(http)
        await site.register()
        await site.report(*events_of([1, 2]), message_id="first")
        await site.report(*events_of([2, 3]), message_id="second")
        await site.js.publish(subjects.event("c1"), b"nonsense")
        wanted = {
            'aetherius_ingest_events_total{outcome="stored"}': 3,
            'aetherius_ingest_events_total{outcome="known"}': 1,
            "aetherius_ingest_messages_total": 3,
            "aetherius_dead_letters_total": 1,
        }
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await metrics(http)
                counted = {name: found.get(name, 0) - before.get(name, 0) for name in wanted}
                if counted == wanted and found.get('aetherius_reader_lag_events{reader="command_dispatch"}') == 0:
                    break
                await asyncio.sleep(0.05)
        assert found["aetherius_leads"] == 1


async def metrics(http: httpx2.AsyncClient) -> dict[str, float]:
    lines = (await http.get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
