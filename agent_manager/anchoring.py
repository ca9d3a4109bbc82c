"""Anchoring: the leader notes the signed head of the log outside the database, on a schedule, so that nobody can write the log anew unseen.

A relay: what was noted last is what the place itself says, and a head that is noted twice does no harm. Before it notes a new head it looks whether
the ledger still holds the last one: a log that was rewritten is noticed within an interval, not at the next audit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import anyio.to_thread
import psycopg

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.steady import steadily
from aetherius.event_store.anchor import AnchorFile, AnchorSink, SignedHead
from aetherius.event_store.anchor_bucket import AnchorBucket
from aetherius.event_store.anchor_metrics import expect_anchors, note_anchored
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.evidence import holds, last_entry
from aetherius.event_store.ledger import moment

logger = logging.getLogger(__name__)


class Anchoring:
    """Notes heads in one place. `name`: what metrics call it."""

    def __init__(self, context: Context, sink: AnchorSink, name: str) -> None:
        self._context = context
        self._sink = sink
        self._name = name
        self._noted: SignedHead | None = None

    async def run(self) -> None:
        """For ever; waits while the place or PostgreSQL is away."""
        expect_anchors(self._name)
        await steadily("anchoring", self._round)

    async def _round(self) -> None:
        await anyio.to_thread.run_sync(self._note)
        await asyncio.sleep(self._context.settings.anchor_interval)

    def _note(self) -> None:
        self._noted = self._noted or self._sink.last()
        try:
            with psycopg.connect(self._context.settings.postgres_dsn, connect_timeout=5, autocommit=True) as connection:
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
        key = self._context.signing_key
        return SignedHead.sign(entry.last, entry.hash, moment(entry.recorded_at), key) if entry else None


def anchorings(context: Context) -> Iterator[Anchoring]:
    """One for each place that the settings name.

    Raises:
        AnchorUnavailableError: the bucket's URL is none.
    """
    if context.settings.anchor_file:
        yield Anchoring(context, AnchorFile(context.settings.anchor_file), "file")
    if context.settings.anchor_bucket:
        yield Anchoring(context, AnchorBucket(context.settings.anchor_bucket), "bucket")


def _place(head: SignedHead) -> tuple[int, str]:
    return head.position, head.hash
