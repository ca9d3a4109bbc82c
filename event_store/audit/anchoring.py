"""Anchoring: the leader notes the signed head of the log outside the database, on a schedule, so that nobody can write the log anew unseen.

A relay: what was noted last is what the place itself says, and a head that is noted twice does no harm. Before it notes a new head it looks whether
the ledger still holds the last one: a log that was rewritten is noticed within an interval, not at the next audit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import psycopg

from aetherius.event_store.anchor_metrics import expect_anchors, note_anchored
from aetherius.event_store.audit.anchor import AnchorFile, AnchorSink, SignedHead
from aetherius.event_store.audit.anchor_bucket import AnchorBucket
from aetherius.event_store.audit.evidence import holds, last_entry
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.ledger import moment
from aetherius.runtime.signing_key import SigningKey
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)


class Anchoring:
    """Notes heads in one place."""

    def __init__(self, dsn: str, key: SigningKey, sink: AnchorSink, name: str, interval: float) -> None:
        """`key` signs the heads; `name`: what metrics call the place; `interval`: seconds between two looks."""
        self._dsn, self._key, self._interval = dsn, key, interval
        self._sink = sink
        self._name = name
        self._noted: SignedHead | None = None

    async def run(self) -> None:
        """For ever; waits while the place or PostgreSQL is away."""
        expect_anchors(self._name)
        await steadily("anchoring", self._round)

    async def _round(self) -> None:
        await anyio.to_thread.run_sync(self._note)
        await asyncio.sleep(self._interval)

    def _note(self) -> None:
        self._noted = self._noted or self._sink.last()
        try:
            with psycopg.connect(self._dsn, connect_timeout=5, autocommit=True) as connection:
                head = self._signed(connection)
                lost = self._noted if self._noted and not holds(connection, *_place(self._noted)) else None
        except psycopg.OperationalError as exc:
            raise LogUnavailableError(f"the log does not answer: {exc}") from exc
        if lost:
            logger.error(
                "the log was cut or written anew: the ledger no longer holds the head that was noted at position %d, hash %s",
                lost.position,
                lost.hash,
            )
        if head and (self._noted is None or _place(head) != _place(self._noted)):
            self._sink.append(head)
            self._noted = head
        note_anchored(self._name, head.position if head else 0)

    def _signed(self, connection: psycopg.Connection) -> SignedHead | None:
        entry = last_entry(connection)
        return SignedHead.sign(entry.last, entry.hash, moment(entry.recorded_at), self._key) if entry else None


def anchorings(dsn: str, key: SigningKey, *, file: Path | None, bucket: str, interval: float) -> Iterator[Anchoring]:
    """One for each place that is named.

    Raises:
        AnchorUnavailableError: the bucket's URL is none.
    """
    if file:
        yield Anchoring(dsn, key, AnchorFile(file), "file", interval)
    if bucket:
        yield Anchoring(dsn, key, AnchorBucket(bucket), "bucket", interval)


def _place(head: SignedHead) -> tuple[int, str]:
    return head.position, head.hash
