"""The analysis desk: hands requested analyses to the work queue, has them answered, and writes the answers to the log.

From the log to the queue behind a checkpoint; from the queue to the reasoner by whichever replica is free. A replica that dies leaves its work to
another; an answer that is there already is not written twice. What awaits an answer stands in a table that the driver writes; whenever the queue is opened
all of it is queued again, so a lost stream loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from uuid import UUID

from nats.errors import Error as NatsError

from aetherius.domain.analysis import Analysis, AnalysisStatus, Completed, Failed, Requested
from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import topics_of
from aetherius.domain.root_cause import code_of
from aetherius.domain.wire.analysis import AnalysisResponse
from aetherius.event_store.errors import AnotherTimelineError, CheckpointConflictError
from aetherius.event_store.reading.subscription import Subscription
from aetherius.event_store.writing.change import change
from aetherius.orchestrator.analysis.reasoning import Reasoner
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.orchestrator.work_queue import WorkQueue
from aetherius.runtime.clock import utc_now

logger = logging.getLogger(__name__)

ACTOR: Final = "system:analysis"
CHECKPOINT: Final = "analysis_desk"
QUEUE: Final = "work.analysis"
_SLACK: Final = 5.0
"""Seconds beyond an analysis's time, for the log: then a replica that took it counts as dead, and another one is given it."""


class AnalysisDesk:
    """Requests in, answers out."""

    def __init__(self, context: Context, reasoner: Reasoner) -> None:
        self._context, self._reasoner = context, reasoner
        ack_wait = context.settings.analysis_timeout + _SLACK
        self._queue = WorkQueue(
            context.js, "analyses", f"{QUEUE}.>", self._answer, ack_wait=ack_wait, refill=self._put_open
        )

    async def answer(self, stop: asyncio.Event) -> None:
        """Answer what is queued until `stop` is set."""
        await self._queue.run(stop)

    async def enqueue(self) -> None:
        """Queue what is requested, for ever."""
        while True:
            try:
                await self._follow()
            except (InfrastructureError, AnotherTimelineError, NatsError, TimeoutError) as exc:
                logger.warning("analyses wait: %s", exc or repr(exc))
                await asyncio.sleep(1.0)
            except CheckpointConflictError:
                logger.info("analyses were queued by another replica")

    async def _follow(self) -> None:
        context = self._context
        after = await context.blocking(context.log.checkpoint, CHECKPOINT)
        topics = topics_of((Requested,))
        async for page in Subscription(context.log, context.signal, after=after, topics=topics, name=CHECKPOINT):
            for recorded in page.readable:
                assert isinstance(recorded.event, Requested)
                await self._put(recorded.stream_id, recorded.event.cluster_id)
            await context.blocking(context.log.transact, CHECKPOINT, page.next_position, after=after)
            after = page.next_position

    async def _put_open(self) -> None:
        context = self._context
        for analysis_id, cluster_id in await context.blocking(context.rows.select, statement("select_open_analyses")):
            await self._put(analysis_id, cluster_id)

    async def _put(self, analysis_id: UUID, cluster_id: str) -> None:
        """Queue it; the broker drops what was queued within minutes before."""
        subject, headers = f"{QUEUE}.normal.{cluster_id}", {"Nats-Msg-Id": f"analysis-{analysis_id}"}
        await self._context.js.publish(subject, analysis_id.bytes, headers=headers)

    async def _answer(self, payload: bytes) -> None:
        context = self._context
        analysis = await context.blocking(context.log.load, Analysis, UUID(bytes=payload))
        if analysis.status is not AnalysisStatus.REQUESTED or analysis.request is None:
            return
        answer = await self._reason(analysis.id, analysis.request)
        await context.blocking(change, context.log, Analysis, analysis.id, ACTOR, lambda a: a.answer(answer, utc_now()))

    async def _reason(self, analysis_id: UUID, asked: Requested) -> Completed | Failed:
        context, limit = self._context, self._context.settings.analysis_timeout
        request = await context.blocking(request_of, context.log, analysis_id, asked, limit)
        try:
            async with asyncio.timeout(limit):
                response = await self._reasoner.analyze(request)
        except TimeoutError:
            return failed(asked, f"no answer within {limit:g} s")
        except InfrastructureError:
            raise
        except Exception as exc:  # a reasoner's fault, on whatever a cluster said, must not stop the others
            logger.exception("the reasoner broke on analysis %s", analysis_id)
            return failed(asked, f"the reasoner broke: {exc!r}"[:500])
        return concluded(asked, response, self._reasoner.name, context.settings.min_confidence)


def failed(asked: Requested, error: str) -> Failed:
    """No answer, and why."""
    return Failed(incident_id=asked.incident_id, workflow_id=asked.workflow_id, step_id=asked.step_id, error=error)


def concluded(asked: Requested, response: AnalysisResponse, reasoner: str, min_confidence: float) -> Completed | Failed:
    """What the log keeps of a response; below the confidence (0 to 1) that request or settings ask for, the cause is `unknown`."""
    if response.status == "failed":
        return failed(asked, response.error)
    return Completed(
        incident_id=asked.incident_id,
        workflow_id=asked.workflow_id,
        step_id=asked.step_id,
        root_cause=code_of(response.root_cause, max(asked.min_confidence, min_confidence)),
        detail=response.root_cause,
        recommendations=response.recommendations,
        reasoner=reasoner,
    )
