"""The audit's REST: pages through the log by any filter, proves it, and answers every error as a problem."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from aetherius.api.settings import ApiSettings
from aetherius.domain.agent import GapDetected
from aetherius.domain.event import Cause
from aetherius.event_store.audit import trail
from aetherius.event_store.audit.anchor import AnchorFile, SignedHead
from aetherius.event_store.audit.anchor_bucket import AnchorBucket
from aetherius.event_store.audit.trail import AUDIT_LOCK
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.runtime.signing_key import SigningKey
from graphql_client import OPERATOR, GraphQLClient
from log_history import NOON, History

pytestmark = pytest.mark.anyio


class Rest:
    """The routes, as a client with a token sees them."""

    def __init__(self, client: GraphQLClient) -> None:
        self.client = client

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.client.port}{path}"

    async def get(self, **query: object) -> httpx2.Response:
        params = {name: str(value) for name, value in query.items()}
        return await self.client.http.get(self.url("/api/v1/audit"), params=params, headers=self.client.headers)

    async def items(self, **query: object) -> list[dict[str, Any]]:
        """What all pages hold, by following the links."""
        answer = await self.get(**query)
        found: list[dict[str, Any]] = answer.json()["items"]
        while link := answer.links.get("next"):
            answer = await self.client.http.get(self.url(link["url"]), headers=self.client.headers)
            found += answer.json()["items"]
        return found

    async def positions(self, **query: object) -> list[int]:
        return [item["position"] for item in await self.items(**query)]

    async def verify(self, token: str = OPERATOR, key: str = "") -> httpx2.Response:
        headers = {**self.client.as_(token).headers, **({"Idempotency-Key": key} if key else {})}
        return await self.client.http.post(self.url("/api/v1/audit/verify"), headers=headers)


@pytest.fixture
def rest(client: GraphQLClient) -> Rest:
    return Rest(client)


def decide(log: Log, count: int, actor: str = "user:ada", story: UUID | None = None) -> list[int]:
    event = GapDetected(cluster_id="c1", epoch=1, first=1, last=1)
    cause = Cause(actor=actor, correlation_id=story)
    return [log.append([Pending(uuid4(), 1, event, NOON, cause)]) for _ in range(count)]


async def test_the_whole_log_newest_first_page_by_page(rest: Rest, log: Log, history: History) -> None:
    for _ in range(4):
        history.open_incident()
    decide(log, 10)
    assert await rest.positions(limit=3) == list(range(log.head(), 0, -1))
    first = (await rest.get(limit=3)).json()["items"][0]
    assert (first["type"], first["actor"], first["data"]["cluster_id"]) == ("Agent.GapDetected", "user:ada", "c1")
    assert datetime.fromisoformat(first["recorded_at"]) == log.recorded_at(first["position"])


async def test_filters_show_exactly_what_they_name(rest: Rest, log: Log, history: History) -> None:
    incident, story = history.open_incident(), uuid4()
    adas = decide(log, 3)
    decide(log, 2, actor='user:"ada"')
    told = decide(log, 2, actor="user:eve", story=story)
    assert await rest.positions(actor="user:ada") == adas[::-1]
    assert await rest.positions(correlation=story, limit=1) == told[::-1]
    assert await rest.positions(stream=incident) == [r.position for r in log.stream(incident)][::-1]
    assert {item["type"] for item in await rest.items(type="Incident.Opened")} == {"Incident.Opened"}
    assert len(await rest.items(type="ClusterEvent.Reported")) == 1
    assert await rest.positions(actor="user:nobody") == []


async def test_times_of_recording_bound_it(rest: Rest, log: Log) -> None:
    positions = decide(log, 5)
    third = log.recorded_at(positions[2])
    assert await rest.positions(since=third.isoformat()) == positions[2:][::-1]
    assert await rest.positions(until=third.isoformat()) == positions[:2][::-1]
    assert await rest.positions(as_of=third.isoformat()) == positions[:3][::-1]
    assert await rest.positions(as_of=positions[1]) == positions[:2][::-1]
    assert await rest.positions(since=(datetime.now(UTC) + timedelta(days=1)).isoformat()) == []


async def test_a_page_as_of_a_position_stays_as_it_is_while_the_log_grows(rest: Rest, log: Log) -> None:
    positions = decide(log, 4)
    answer = await rest.get(as_of=positions[-1], limit=2)
    decide(log, 3)
    assert (await rest.get(as_of=positions[-1], limit=2)).json() == answer.json()


async def test_a_rare_event_is_found_across_stretches(rest: Rest, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "STRETCH", 4)
    [rare] = decide(log, 1, actor="user:eve")
    decide(log, 10)
    assert await rest.positions(actor="user:eve") == [rare]
    assert await rest.positions(limit=5) == list(range(log.head(), 0, -1))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"actr": "user:ada"}, "actr"),
        ({"stream": "x"}, "stream"),
        ({"since": "2026-11-23T12:00:00"}, "since"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": "²"}, "as_of"),
        ({"cursor": "x"}, "cursor"),
        ({"type": "Incident.Exploded"}, "type"),
    ],
)
async def test_what_is_malformed_is_named(rest: Rest, query: dict[str, object], field: str) -> None:
    answer = await rest.get(**query)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["field"]) == (400, 400, field)
    assert problem["rule"]


async def test_without_a_token_nothing_is_shown(rest: Rest) -> None:
    stranger = Rest(rest.client.as_("stranger"))
    for answer in (await stranger.get(), await stranger.verify("stranger")):
        assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    nothing = await rest.client.http.get(rest.url("/api/v1/nothing"), headers=rest.client.headers)
    assert (nothing.status_code, nothing.headers["content-type"]) == (404, "application/problem+json")


async def test_an_operator_may_have_the_log_proved(rest: Rest, log: Log, dsn: str) -> None:
    decide(log, 5)
    report = (await rest.verify()).json()
    assert (report["intact"], report["events"], report["head"]["position"]) == (True, 5, 5)
    with psycopg.connect(dsn) as tables:
        tables.execute("UPDATE aetherius.decided SET state = '{}' WHERE notification_id = 3")
    report = (await rest.verify()).json()
    assert report["intact"] is False
    assert [(finding["wrong"], finding["position"]) for finding in report["findings"]] == [("changed", 3)]
    refused = await rest.verify(rest.client.token)
    assert (refused.status_code, refused.json()["role"]) == (403, "operator")


async def test_only_one_audit_runs_at_a_time(rest: Rest, log: Log, dsn: str) -> None:
    decide(log, 1)
    with psycopg.connect(dsn) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(%s)", (AUDIT_LOCK,)
        )  # let go when the block ends, not some time later
        answer = await rest.verify()
        assert (answer.status_code, answer.json()["code"]) == (409, "AUDIT_RUNNING")
    assert (await rest.verify()).status_code == 200
    assert [answer.status_code for answer in await asyncio.gather(rest.verify(), rest.get())][1] == 200


async def test_a_repeat_under_the_same_key_gets_the_first_report(rest: Rest, log: Log, dsn: str) -> None:
    decide(log, 3)
    first = await rest.verify(key="a-1")
    assert "idempotent-replayed" not in first.headers
    decide(log, 1)
    again = await rest.verify(key="a-1")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    other = await rest.verify(key="a-2")
    assert (other.json()["head"]["position"], other.json()["intact"]) == (4, True)
    with psycopg.connect(dsn) as later:
        later.execute("UPDATE aetherius.audit_reports SET made_at = made_at - interval '25 hours'")
    assert (await rest.verify(key="a-1")).json()["head"]["position"] == 4, "a day later it is another request"
    with psycopg.connect(dsn) as later:
        assert later.execute("SELECT key FROM aetherius.audit_reports").fetchall() == [("a-1",)]


async def test_a_report_with_findings_comes_back_with_them(rest: Rest, log: Log, dsn: str) -> None:
    decide(log, 3)
    with psycopg.connect(dsn) as tables:
        tables.execute("UPDATE aetherius.decided SET state = '{}' WHERE notification_id = 2")
    first, again = await rest.verify(key="a"), await rest.verify(key="a")
    assert again.json() == first.json()
    assert [finding["position"] for finding in again.json()["findings"]] == [2]


async def test_a_repeat_while_the_first_is_under_way_is_told_so(rest: Rest, log: Log, dsn: str) -> None:
    decide(log, 1)
    with psycopg.connect(dsn) as other:
        other.execute(
            "SELECT pg_advisory_xact_lock(%s)", (AUDIT_LOCK,)
        )  # let go when the block ends, not some time later
        assert (await rest.verify(key="a")).status_code == 409
    assert "idempotent-replayed" not in (await rest.verify(key="a")).headers


@pytest.mark.parametrize("key", ["x" * 256, "two words"])
async def test_a_malformed_key_is_named(rest: Rest, key: str) -> None:
    answer = await rest.verify(key=key)
    assert (answer.status_code, answer.json()["field"].lower()) == (400, "idempotency-key")


class TestWithABucketOfAnchors:
    @pytest.fixture
    def settings(self, settings: ApiSettings, s3_bucket: str) -> ApiSettings:
        return replace(settings, anchor_bucket=f"{s3_bucket}/anchors")

    async def test_the_anchors_are_compared(self, rest: Rest, log: Log, s3_bucket: str, tmp_path: Path) -> None:
        decide(log, 2)
        report = (await rest.verify()).json()
        assert (report["intact"], report["anchors"]) == (True, 0)
        sink, key = AnchorBucket(f"{s3_bucket}/anchors"), SigningKey.load_or_create(tmp_path / "key.pem")
        sink.append(SignedHead.sign(2, bytes.fromhex(report["head"]["hash"]), NOON, key))
        assert (await rest.verify()).json()["anchors"] == 1
        sink.append(SignedHead.sign(1, b"x" * 32, NOON, key))
        report = (await rest.verify()).json()
        assert [(finding["wrong"], finding["position"]) for finding in report["findings"]] == [("anchor missed", 1)]


class TestWithoutThatBucket:
    @pytest.fixture
    def settings(self, settings: ApiSettings, s3_bucket: str) -> ApiSettings:
        return replace(settings, anchor_bucket=f"{s3_bucket}-not")

    async def test_an_audit_is_refused_not_done_without_them(self, rest: Rest, log: Log) -> None:
        decide(log, 2)
        answer = await rest.verify()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


class TestWithAnchors:
    @pytest.fixture
    def settings(self, settings: ApiSettings, tmp_path: Any) -> ApiSettings:
        key = SigningKey.load_or_create(tmp_path / "key.pem").public
        return replace(settings, anchor_file=tmp_path / "anchors.jsonl", anchor_key_id=key.key_id)

    async def test_the_anchors_are_compared(self, rest: Rest, log: Log, tmp_path: Any) -> None:
        decide(log, 2)
        assert (await rest.verify()).json()["intact"], "no anchor was noted yet"
        key = SigningKey.load_or_create(tmp_path / "key.pem")
        AnchorFile(tmp_path / "anchors.jsonl").append(SignedHead.sign(2, b"x" * 32, NOON, key))
        report = (await rest.verify()).json()
        assert [(finding["wrong"], finding["position"]) for finding in report["findings"]] == [("anchor missed", 2)]
        stranger = SigningKey.load_or_create(tmp_path / "strangers.pem")
        AnchorFile(tmp_path / "anchors.jsonl").append(SignedHead.sign(1, b"x" * 32, NOON, stranger))
        assert (await rest.verify()).json()["findings"][0]["wrong"] == "anchor damaged"
