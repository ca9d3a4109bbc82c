"""Dead letters on a real broker, looked after with the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from aetherius.agent_manager.errors import LetterCutError, LetterNotFoundError
from aetherius.agent_manager.letters.dead_letter_box import DeadLetterBox
from aetherius.domain.cluster_event import Reported
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import encode_lines
from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.jetstream.streams import DEAD_LETTERS, EVENTS
from manager_site import Site, events_of

pytestmark = pytest.mark.anyio


async def command(site: Site, *words: str) -> tuple[int, bytes, str]:
    """`aetherius dead-letters ...` on the site's broker: exit code, output, complaints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "aetherius.cli.main", "dead-letters", *words),
        env={**os.environ, "AETHERIUS_NATS_URL": site.nats_url, "COLUMNS": "300"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


async def listed(site: Site, *words: str) -> list[dict[str, Any]]:
    code, out, err = await command(site, "list", "-o", "json", *words)
    assert code == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


async def refuse(site: Site, payload: bytes, cluster: str = "c1", **sent: str) -> None:
    """Send something; the caller knows that it breaks a rule."""
    await site.js.publish(subjects.event(cluster), payload, headers=sent or None)


async def letters(site: Site) -> list[int]:
    return [letter.sequence async for letter in DeadLetterBox(site.js).letters()]


async def test_list_tells_where_each_stood_and_why_and_filters(site: Site) -> None:
    good, other = encode_lines(events_of([1, 2])).splitlines()
    async with site.manager():
        await refuse(site, good + b"\n" + b'{"id": 5', "c1", **{headers.BATCH: "2"})
        await refuse(site, other, "c2")  # another cluster's
        await site.dead_letters(2)
        await site.empty(EVENTS)
    first, second = await listed(site)
    assert (first["cluster"], first["subject"], first["line"]) == ("c1", "aetherius.agent.c1.event", 2)
    assert first["source"].startswith("EVENTS ")
    assert first["size"] == len(b'{"id": 5')
    assert second["line"] == 1 or second["line"] is None
    assert [each["sequence"] for each in await listed(site, "--cluster", "c2")] == [second["sequence"]]
    assert [each["sequence"] for each in await listed(site, "--reason", "CLUSTER_ID")] == [second["sequence"]]
    assert len(await listed(site, "--limit", "1")) == 1
    code, out, _ = await command(site, "list")
    assert code == 0
    assert "line 2" in out.decode()
    assert "2 dead letters" in out.decode()


async def test_show_gives_a_terminal_nothing_to_obey_and_raw_gives_every_byte(site: Site) -> None:
    nasty = b"\x1b]0;title\x07\x1b[2J\xff\xe2\x80\xaetxt\r\nnext line [red]"
    async with site.manager():
        await refuse(site, nasty, **{"X-Note": "a\tb"})
        await site.dead_letters(1)
    code, out, _ = await command(site, "show", "1")
    assert code == 0
    shown = out.decode()
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "\\x1b]0;title\\x07" in shown
    assert "\\xff" in shown
    assert "\\u202e" in shown
    assert "[red]" in shown
    assert "X-Note" in shown
    assert (await command(site, "show", "1", "--raw"))[1] == nasty
    assert json.loads((await command(site, "show", "1", "-o", "json"))[1])["headers"][headers.REASON]


async def test_a_letter_is_sent_again_as_it_came_and_goes(site: Site) -> None:
    [event] = events_of([7])
    line = encode_lines([event]).rstrip()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = {
        headers.BATCH: "2",
        headers.TRACEPARENT: trace,
        headers.MESSAGE_ID: "first",
        "Nats-Expected-Stream": "EVENTS",
    }
    async with site.manager(accept_age=-1.0):  # nothing is young enough
        await refuse(site, line + b"\n" + line.replace(b'"sequence":7', b'"sequence":8'), **sent)
        await site.dead_letters(2)
        await site.empty(EVENTS)
    async with site.manager():
        code, out, err = await command(site, "replay", "1")
        assert (code, out) == (0, b"1 sent again\n"), err
        await site.empty(EVENTS)
    [recorded] = site.recorded(Reported)
    assert recorded.cause.traceparent == trace
    assert [event.sequence for event in site.events(Reported)] == [7]
    assert await letters(site) == [2]


async def test_all_of_a_cluster_are_sent_again_and_what_is_refused_again_comes_back(site: Site) -> None:
    async with site.manager():
        for cluster in ("c1", "c2", "c1"):
            await refuse(site, b"no event", cluster)
        await site.dead_letters(3)
        code, out, _ = await command(site, "replay", "--cluster", "c1", "-o", "json")
        assert (code, json.loads(out)) == (0, {"done": [1, 3], "failed": {}})
        await site.dead_letters(3)
    assert [(each["sequence"], each["cluster"]) for each in await listed(site)] == [(2, "c2"), (4, "c1"), (5, "c1")]


async def test_without_a_confirmation_the_letter_stays(site: Site) -> None:
    async with site.manager():
        await refuse(site, b"no event")
        await site.dead_letters(1)
        await site.empty(EVENTS)
    await site.js.delete_stream(EVENTS)  # nobody takes it
    code, _, err = await command(site, "replay", "1")
    assert code == 75
    assert "NATS does not answer" in err
    assert await letters(site) == [1]


async def test_a_letter_that_was_cut_is_not_sent_again(site: Site) -> None:
    async with site.manager():
        await refuse(site, b"x" * (1024 * 1024 - 100))
        await refuse(site, b"no event", **{headers.CUT: "99"})  # says so, and is not
        await site.dead_letters(2)
        await site.empty(EVENTS)
        box = DeadLetterBox(site.js)
        with pytest.raises(LetterCutError):
            await box.replay(1)
        await box.replay(2)
        code, out, _ = await command(site, "replay", "--all", "-o", "json")
    assert code == 1
    assert list(json.loads(out)["failed"]) == ["1"]


async def test_dropped_is_gone_for_good(site: Site) -> None:
    async with site.manager():
        for _ in range(3):
            await refuse(site, b"no event")
        await site.dead_letters(3)
    assert (await command(site, "drop", "2"))[0] == 0
    assert await letters(site) == [1, 3]
    assert (await command(site, "drop", "2"))[0] == 1
    assert (await command(site, "drop"))[0] == 2
    assert (await command(site, "drop", "1", "--all"))[0] == 2
    assert (await command(site, "drop", "--all"))[0] == 0
    assert await letters(site) == []
    with pytest.raises(LetterNotFoundError):
        await DeadLetterBox(site.js).letter(1)


async def test_a_header_that_cannot_be_sent_does_not_stand_in_the_way(site: Site) -> None:
    """A sender who speaks the protocol himself can name a header as no client would."""
    head = b"NATS/1.0\r\na(b): c\r\n\r\n"
    subject = subjects.event("c1").encode()
    async with site.manager():
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.nats_url.rpartition(":")[2]))
        password = site.nats_url.split(":")[2].split("@")[0]
        login = json.dumps({"user": "server", "pass": password, "verbose": False, "headers": True, "protocol": 1})
        payload = b"HPUB %s %d %d\r\n%sno event\r\n" % (subject, len(head), len(head) + 8, head)
        writer.write(b"CONNECT " + login.encode() + b"\r\n" + payload + b"PING\r\n")
        async with asyncio.timeout(120):
            while not (await reader.readline()).startswith(b"PONG"):
                pass
        writer.close()
        await writer.wait_closed()
        await site.report(*events_of([1]))
        await site.dead_letters(1)
        await site.empty(EVENTS)
    assert [event.sequence for event in site.events(Reported)] == [1]


async def test_a_broker_that_is_not_there_is_told_without_its_password(site: Site) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "aetherius.cli.main", "dead-letters", "list", "--nats-url", "nats://server:hidden-word@127.0.0.1:9"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 75
    assert b"NATS does not answer" in out
    assert b"hidden-word" not in out
    await site.js.delete_stream(DEAD_LETTERS)
    with pytest.raises(BrokerUnavailableError):
        await letters(site)
