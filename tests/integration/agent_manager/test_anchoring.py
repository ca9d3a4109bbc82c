"""The leader notes heads of the log outside it, and says so when the log no longer agrees with them."""

from __future__ import annotations

import logging

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor, AnchorFile
from aetherius.event_store.audit.anchor_bucket import AnchorBucket
from aetherius.event_store.audit.ledger_audit import AuditReport
from aetherius.event_store.log import Log
from aetherius.event_store.metrics import exposition
from aetherius.runtime.jetstream.streams import EVENTS
from aetherius.runtime.signing_key import SigningKey
from manager_site import Site, events_of

pytestmark = pytest.mark.anyio


def noted(site: Site) -> list[Anchor]:
    key = SigningKey.load_or_create(site.folder / "key.pem")
    path = site.folder / "anchors.jsonl"
    return list(AnchorFile(path).anchors(key.public.key_id)) if path.exists() else []


def audited(site: Site) -> AuditReport:
    with psycopg.connect(site.dsn) as connection:
        return audit.verify(connection, anchors=noted(site))


async def test_heads_are_noted_as_the_log_grows_and_across_restarts(site: Site) -> None:
    (site.folder / "bucket").mkdir()
    bucket = (site.folder / "bucket").as_uri()
    for numbers in (range(1, 11), range(11, 21)):
        async with site.manager(anchor_file=site.folder / "anchors.jsonl", anchor_bucket=bucket, anchor_interval=0.05):
            await site.report(*events_of(numbers))
            await site.empty(EVENTS)
            await site.until(lambda: noted(site) and noted(site)[-1].position == site.log.head())
            await site.until(lambda: any(a.position == site.log.head() for a in AnchorBucket(bucket).anchors()))
    report = audited(site)
    assert report.findings == []
    assert report.anchors == len({anchor.position for anchor in noted(site)}) == len(noted(site))


def told(log: Log) -> dict[tuple[str, str], float]:
    """The metrics of anchors, by name and place."""
    families = text_string_to_metric_families(exposition(log).decode())
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, s.labels["place"]): s.value for s in samples if s.name.startswith("aetherius_anchor_")}


async def test_how_far_it_is_anchored_is_told_and_that_a_place_is_away(site: Site) -> None:
    bucket = site.folder / "bucket"
    bucket.mkdir()
    places = {"anchor_file": site.folder / "no" / "anchors.jsonl", "anchor_bucket": bucket.as_uri()}
    (site.folder / "no").touch()
    age, missing = "aetherius_anchor_age_seconds", "aetherius_anchor_missing_events"
    async with site.manager(**places, anchor_interval=0.05):
        await site.report(*events_of(range(1, 11)))
        await site.empty(EVENTS)
        await site.until(lambda: told(site.log).get((missing, "bucket")) == 0)
        await site.until(lambda: told(site.log)[age, "file"] > 1)
        metrics = told(site.log)
        waited = metrics[age, "file"]
        assert metrics[age, "bucket"] < waited
        assert (missing, "file") not in metrics, "nothing was ever noted there"
        (site.folder / "no").unlink()
        await site.until(lambda: told(site.log).get((missing, "file")) == 0)
        await site.until(lambda: told(site.log)[age, "file"] < waited)
    assert told(site.log) == {}, "another replica tells of it now"


async def test_a_log_that_was_cut_is_noticed_without_an_audit(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async with site.manager(anchor_file=site.folder / "anchors.jsonl", anchor_interval=0.05):
        await site.report(*events_of(range(1, 11)))
        await site.until(lambda: any(anchor.position >= 10 for anchor in noted(site)))
        with caplog.at_level(logging.ERROR), psycopg.connect(site.dsn, autocommit=True) as admin:
            admin.execute("DELETE FROM aetherius.ledger")
            await site.until(lambda: "the log was cut or written anew" in caplog.text)
    assert not audited(site).intact
