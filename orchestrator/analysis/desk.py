"""The analysis desk: hands requested analyses to the work queue, has them answered, and writes the answers to the log.

From the log to the queue behind a checkpoint; from the queue to the reasoner by whichever replica is free. A replica that dies leaves its work to
another; one that stops hands back what it cannot finish in time; an answer that is there already is not written twice. What awaits an answer stands in a table that the driver writes; whenever the queue is opened
all of it is queued again, so a lost stream loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn
from uuid import UUID

from nats.aio.msg import Msg

from aetherius.domain.analysis import Analysis, AnalysisStatus, Completed, Failed, Requested
from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import topics_of
from aetherius.domain.fault.faults import Faults, shipped_faults
from aetherius.domain.wire import headers
from aetherius.domain.wire.analysis import AnalysisResponse
from aetherius.domain.wire.subjects import WORK_ANALYSES
from aetherius.domain.wire.subjects import analysis as subject_of
from aetherius.event_store.change import change
from aetherius.event_store.errors import AnotherTimelineError, CheckpointConflictError, LogUnavailableError
from aetherius.event_store.subscription import Subscription
from aetherius.orchestrator.analysis.reasoning import Reasoner
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.orchestrator.work import stream_id_in, work_queue
from aetherius.runtime.clock import utc_now
from aetherius.runtime.in_words import in_words
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

ACTOR: Final = "system:analysis"
CHECKPOINT: Final = "analysis_desk"


class AnalysisDesk:
    """Requests in, answers out."""

    def __init__(self, context: Context, reasoner: Reasoner, faults: Faults | None = None) -> None:
        """`faults`: whose causes are known; all that the program ships with, if None."""
        self._context, self._reasoner = context, reasoner
        self._faults = faults or shipped_faults()
        self.queue = work_queue(context, "analyses", f"{WORK_ANALYSES}.>", self._take, refill=self._put_open)

    async def enqueue(self) -> NoReturn:
        """Queue what is requested, for ever."""
        await steadily("analyses, queueing", self._follow_on)

    async def _follow_on(self) -> None:
        try:
            await self._follow()
        except CheckpointConflictError:
            logger.info("analyses were queued by another replica")
        except AnotherTimelineError as exc:
            raise LogUnavailableError(f"the log was restored meanwhile: {exc}") from exc

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
        sent = {headers.MESSAGE_ID: f"analysis-{analysis_id}"}
        await self._context.js.publish(subject_of(cluster_id), analysis_id.bytes, headers=sent)

    async def _take(self, message: Msg) -> None:
        await self._answer(stream_id_in(message))

    async def _answer(self, analysis_id: UUID) -> None:
        context = self._context
        analysis = await context.blocking(context.log.load, Analysis, analysis_id)
        if analysis.status is not AnalysisStatus.REQUESTED or analysis.request is None:
            return
        answer = await self._reason(analysis.id, analysis.request)
        await context.blocking(change, context.log, Analysis, analysis.id, ACTOR, lambda a: a.answer(answer, utc_now()))

    async def _reason(self, analysis_id: UUID, asked: Requested) -> Completed | Failed:
        context, limit = self._context, self._context.settings.analysis_timeout
        try:
            request = await context.blocking(request_of, context.log, analysis_id, asked, limit)
            async with asyncio.timeout(limit):
                response = await self._reasoner.analyze(request)
            return concluded(asked, response, self._reasoner.name, context.settings.min_confidence, self._faults)
        except TimeoutError:
            return failed(asked, f"no answer within {limit:g} s")
        except InfrastructureError:
            raise
        except Exception as exc:  # whatever a cluster said: its workflow goes on without an answer
            logger.exception("analysis %s broke", analysis_id)
            return failed(asked, f"the analysis broke: {in_words(exc)}"[:500])


def failed(asked: Requested, error: str) -> Failed:
    """No answer, and why."""
    return Failed(incident_id=asked.incident_id, workflow_id=asked.workflow_id, step_id=asked.step_id, error=error)


def concluded(
    asked: Requested, response: AnalysisResponse, reasoner: str, min_confidence: float, faults: Faults
) -> Completed | Failed:
    """What the log keeps of a response; below the confidence (0 to 1) that request or settings ask for, the cause is `unknown`."""
    if response.status == "failed":
        return failed(asked, response.error)
    return Completed(
        incident_id=asked.incident_id,
        workflow_id=asked.workflow_id,
        step_id=asked.step_id,
        root_cause=faults.code_of(response.root_cause, max(asked.min_confidence, min_confidence)),
        detail=response.root_cause,
        recommendations=response.recommendations,
        reasoner=reasoner,
    )
