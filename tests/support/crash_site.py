"""An installation with a simulated cluster, where things are killed in the middle of faults, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aetherius.cli.demo import workloads
from aetherius.domain.cluster_event import Reported
from aetherius.domain.wire import subjects
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.jetstream.streams import CONTROL, EVENTS
from aetherius.runtime.nats_connection import connect
from event_feed import EventFeed
from installation import Installation, SimulatedSite
from manager_site import Letter
from witness import Story, Witness, are_complete, numbers_of

MOMENTS: Final = ("Incident.Opened", "Command.Issued", "Remediation.Approved", "Remediation.Executed")
"""When something is killed: a workflow begins, a step is ordered, a repair is ordered, a repair is verified."""


class CrashSite:
    """`north` is the cluster that breaks, `feed` one whose agent is the test, which sends known events all the while."""

    def __init__(self, root: Path) -> None:
        self.installation = Installation(root)
        self.cluster: SimulatedSite
        self.feed: Credentials
        self.witness: Witness

    @contextmanager
    def running(self) -> Iterator[CrashSite]:
        """Run all of it; nothing is left afterwards."""
        installation = self.installation
        installation.start()
        self.cluster = SimulatedSite("north", installation.root, installation.enroll("north"))
        self.feed = self.enrolled("feed")
        self.witness = Witness(installation.dsn)
        try:
            self.cluster.start()
            yield self
        finally:
            self.witness.close()
            self.cluster.stop()
            installation.stop()
            assert installation.remains() == []

    def furnish(self, space: str, count: int = 1, *, on: SimulatedSite | None = None) -> list[Story]:
        """So many Deployments that need more memory than the limit that `break_limit` gives them; on `north` if no cluster is given."""
        names = [f"checkout-{number}" for number in range(count)]
        (on or self.cluster).furnish(space, *(workloads.deployment(name, space, uses="96Mi") for name in names))
        return [self.witness.story(space, name) for name in names]

    def break_limit(self, story: Story, *, on: SimulatedSite | None = None) -> None:
        """The fault: a memory limit that is too low."""
        (on or self.cluster).kubectl(
            "set", "resources", f"deployment/{story.name}", "-n", story.space, "--limits=memory=64Mi"
        )

    def break_configuration(self, story: Story) -> None:
        """The other fault: a config map that is not there. Its repair asks a person."""
        patch = json.dumps(workloads.with_config_map(story.name, "settings"))
        self.cluster.kubectl("patch", f"deployment/{story.name}", "-n", story.space, "--type=merge", "-p", patch)

    def enrolled(self, cluster: str) -> Credentials:
        """The credentials of a cluster whose agent the test plays."""
        return Credentials.load(self.installation.enroll(cluster))

    def wait(self, seconds: float) -> None:
        """Let time pass, and the log be read."""
        end = time.monotonic() + seconds
        self.witness.until(lambda: time.monotonic() >= end, "the time", seconds + 10)

    async def until_all_is_taken(self) -> None:
        """Return once every message of agents was answered for."""
        async with connect(self.installation.nats_url, "test") as client, asyncio.timeout(120):
            js = client.jetstream()
            for stream in (EVENTS, CONTROL):
                while (await js.stream_info(stream)).state.messages:  # noqa: ASYNC110  # it is a work queue: what is done is gone
                    await asyncio.sleep(0.02)

    async def dead_letters(self, cluster: str) -> list[Letter]:
        """What was put aside of a cluster's messages, in order."""
        async with connect(self.installation.nats_url, "test") as client:
            js = client.jetstream()
            subscription = await js.pull_subscribe(f"{subjects.DEAD_LETTERS}.aetherius.agent.{cluster}.>")
            letters: list[Letter] = []
            while (await subscription.consumer_info()).num_pending:
                letters += [
                    Letter(each.subject, each.data, each.headers or {}) for each in await subscription.fetch(100)
                ]
            return letters

    def feeding(self) -> EventFeed:
        """Known events, from entering the block until leaving it."""
        return EventFeed(self.feed)

    def kill_at_each_moment(self, stories: Sequence[Story], kill: Callable[[], Any]) -> None:
        """Break one workload after the other, and kill in the middle of each story, each time at a later moment of it."""
        coming = iter(stories)
        for story in islice(coming, 2):  # one ahead: a crash loop takes seconds, in which what was killed starts
            self.break_limit(story)
        for story, moment in zip(stories, MOMENTS, strict=True):
            story.until(moment)
            kill()
            for following in islice(coming, 1):
                self.break_limit(following)

    def see_one_repair(self, space: str) -> None:
        """One fault and its repair, so that the log tells a whole story whatever was before."""
        [story] = self.furnish(space)
        self.break_limit(story)
        self.must_end_well([story])

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No agent reports anything."""
        assert self.cluster.agent is not None
        self.cluster.agent.stop()
        yield
        self.cluster.start_agent()

    def must_be_whole(self, stories: Sequence[Story], fed: EventFeed, repair: str = "UpdateResourceLimits") -> None:
        """Every story comes to its end, done once; every event is there once; the ledger is intact."""
        self.must_end_well(stories)
        self._all_events_arrived(fed)
        for story in stories:
            story.must_have_happened_once(repair)
            self.must_be_repaired_once(story)
        assert "intact" in self.installation.audit()

    def must_end_well(self, stories: Sequence[Story]) -> None:
        """Every incident is resolved, and nothing of it is under way any more."""
        for story in stories:
            story.until("Incident.Resolved")
            story.until("Workflow.Completed")

    def must_be_repaired_once(self, story: Story, *, on: SimulatedSite | None = None) -> None:
        """The cluster was changed by the creation, the fault and the repair, and by nothing else."""
        metadata = (on or self.cluster).deployment(story.space, story.name)["metadata"]
        assert metadata["generation"] == 3
        assert metadata["annotations"]["deployment.kubernetes.io/revision"] == "3"

    def _all_events_arrived(self, fed: EventFeed) -> None:
        witness = self.witness
        wanted = set(fed.ids)
        witness.until(lambda: not wanted - {each.stream_id for each, _ in witness.all(Reported)}, "the fed events")
        reports = Counter(each.stream_id for each, _ in witness.all(Reported))
        assert [id for id, times in reports.items() if times > 1] == []
        witness.until(lambda: not self.cluster.spooled(), "an empty spool")
        witness.until(self._all_numbers_arrived, "every event that the agent numbered")

    def _all_numbers_arrived(self) -> bool:
        epoch, last = self.cluster.numbered()
        numbers = numbers_of(self.witness.reports_of(self.cluster.name))
        newest = max((max(found) for (_, each), found in numbers.items() if each == epoch), default=0)
        return newest >= last and all(are_complete(found) for found in numbers.values())
