"""Registration and heartbeats, on real servers."""

from __future__ import annotations

import asyncio
import uuid

import msgspec
import pytest

from aetherius.domain import agent, cluster
from aetherius.domain.wire import headers, subjects
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import COMMANDS, CONTROL, command_consumer
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.signing_key import SigningKey
from manager_site import PATIENCE, Site

pytestmark = pytest.mark.anyio

SHORT = {"heartbeat_interval": 0.2, "missed_heartbeats": 3}


async def test_a_first_agent_is_accepted_with_its_configuration_and_its_queue(site: Site) -> None:
    async with site.manager():
        reply = await site.register()
    assert reply.accepted
    assert reply.heartbeat_interval == 30.0
    (joined,) = site.events(cluster.Registered)
    (registered,) = site.events(agent.Registered)
    assert (joined.cluster_id, joined.kubernetes_version) == ("c1", "v1.37.0")
    assert registered.agent_id == "a1"
    assert {each.cause.actor for each in site.recorded(cluster.Registered, agent.Registered)} == {"agent:c1"}
    consumer = await site.js.consumer_info(COMMANDS, command_consumer("c1"))
    assert consumer.config.filter_subject == subjects.command("c1")


async def test_a_repeated_registration_is_answered_and_writes_nothing(site: Site) -> None:
    async with site.manager():
        first = await site.register()
        head = site.log.head()
        assert await site.register() == first
        assert site.log.head() == head


async def test_a_new_epoch_is_a_new_registration(site: Site) -> None:
    async with site.manager():
        await site.register(epoch=1)
        assert (await site.register(epoch=2)).accepted
    assert [each.epoch for each in site.events(agent.Registered)] == [1, 2]


async def test_a_second_agent_is_refused_while_the_first_lives(site: Site) -> None:
    async with site.manager():
        await site.register(agent="a1")
        reply = await site.register(agent="a2")
        assert (await site.register(cluster="c2", agent="a2")).accepted
    assert not reply.accepted
    assert "a1" in reply.reason
    assert len(site.recorded(agent.Registered)) == 2


async def test_a_dead_agents_place_is_taken(site: Site) -> None:
    async with site.manager(**SHORT):
        await site.register(agent="a1")
        await site.until(lambda: site.recorded(agent.WentOffline))
        assert (await site.register(agent="a2")).accepted
        await site.beat(agent="a1")  # too late: it has to introduce itself, and is refused
        await site.beat(agent="a2")
        assert not (await site.register(agent="a1")).accepted
    assert not site.recorded(agent.CameBack)


async def test_a_malformed_or_foreign_registration_goes_to_the_dead_letters(site: Site) -> None:
    async with site.manager():
        await site.js.publish(subjects.register("c1"), b"{")
        foreign = b'{"cluster_id":"c2","agent_id":"a","epoch":1,"agent_version":"","kubernetes_version":"","timestamp":"2026-01-01T00:00:00Z"}'
        await site.js.publish(subjects.register("c1"), foreign)
        letters = await site.dead_letters(2)
        await site.empty(CONTROL)
    assert "c2" in letters[1].reason
    assert site.log.head() == 0


async def test_no_reply_goes_to_an_inbox_of_others(site: Site) -> None:
    foreign = f"_INBOX.c2.{uuid.uuid4().hex}"
    stolen = await site.nats.subscribe(foreign)
    async with site.manager():
        await site.register()  # the answer is to the second header's inbox, were it allowed
        await site.js.publish(
            subjects.register("c1"), msgspec.json.encode(site.registration()), headers={headers.REPLY: foreign}
        )
        await site.empty(CONTROL)
        await site.register()
    assert stolen.pending_msgs == 0


async def test_an_agent_with_the_rights_of_an_agent_can_register_and_read_its_queue(
    site: Site, broker: EmbeddedNats
) -> None:
    key = SigningKey.load_or_create(site.settings().signing_key_file)
    given = await broker.add_cluster("c1", key.public)
    as_agent = connect(
        given.nats_url, "agent", user=given.user, password=given.password, inbox_prefix=given.inbox_prefix
    )
    async with site.manager(), as_agent as nats:
        assert (await site.register(through=nats)).accepted
        site.issue()
        queue = await nats.jetstream().pull_subscribe_bind(command_consumer("c1"), COMMANDS)
        (message,) = await queue.fetch(1, timeout=PATIENCE)
        await message.ack()


async def test_a_silent_agent_goes_offline_once_and_comes_back(site: Site) -> None:
    async with site.manager(**SHORT):
        await site.register()
        await site.beat()
        (gone,) = await site.until(lambda: site.recorded(agent.WentOffline))
        assert site.events(agent.WentOffline)[0].last_heartbeat < gone.occurred_at
        await site.beat_until(lambda: site.recorded(agent.CameBack))
        await site.until(lambda: len(site.recorded(agent.WentOffline)) == 2)
    assert len(site.recorded(agent.CameBack)) == 1


async def test_an_agent_that_beats_stays_online(site: Site) -> None:
    async with site.manager(heartbeat_interval=2.0, missed_heartbeats=3):
        await site.register()
        for _ in range(70):  # longer than it may be silent; and a starved machine may rest for some seconds between two
            await site.beat()
            await asyncio.sleep(0.1)
        assert not site.recorded(agent.WentOffline)


async def test_an_outage_of_the_manager_takes_nobody_offline(site: Site) -> None:
    long = {"heartbeat_interval": 2.0, "missed_heartbeats": 3}
    async with site.manager(**long):
        await site.register(cluster="c1")
        await site.register(cluster="c2")
        await site.beat(cluster="c1")
        await asyncio.sleep(1.2)  # kept in the bucket
    await asyncio.sleep(7)  # longer than an agent may be silent
    async with site.manager(**long):
        gone = await site.beat_until(lambda: site.events(agent.WentOffline), cluster="c1")
    assert [each.cluster_id for each in gone] == ["c2"]


async def test_two_managers_note_one_silence(site: Site) -> None:
    async with site.manager(**SHORT), site.manager(**SHORT):
        await site.register()
        await site.until(lambda: site.recorded(agent.WentOffline))
        await asyncio.sleep(0.5)
    assert len(site.recorded(agent.WentOffline)) == 1


async def test_another_manager_leads_when_the_leader_dies(site: Site) -> None:
    async with site.manager() as leader:
        await site.register(cluster="c1")
        async with site.manager():
            leader.cancel()
            assert (await site.register(cluster="c2")).accepted
