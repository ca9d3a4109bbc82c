"""Versioned read models against an oracle that replays: at random positions and random times of what happened, late arrivals and rebuilds included."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.cli.tables import create_tables
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.subscription import LogSignal
from aetherius.projections.events import EventFilter
from aetherius.projections.models import EVENTS, MODELS, model_named
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.read_model import Filter
from aetherius.projections.rebuild import rebuild
from aetherius.projections.verification import verify
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import History
from observation_oracle import holding
from replay_oracle import LISTS, lists_over_time, of_row
from sealed_state import SEALING

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="agent:berlin")


@pytest.fixture(scope="module")
def empty(postgres: str) -> Iterator[str]:
    """Name of a template database with the tables, so that each example gets one of its own at once."""
    name = f"template_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        address = make_conninfo(postgres, dbname=name)
        create_tables(address)
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_read_models_answer_as_a_replay_does_at_any_position_and_time(postgres: str, empty: str) -> None:
    class Machine(TimeTravel):
        def __init__(self) -> None:
            super().__init__(postgres, empty)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


class TimeTravel(RuleBasedStateMachine):
    """A log that grows by reports (of few subjects, many of them late) and by decisions; readers that follow in batches of any size; questions in between."""

    def __init__(self, postgres: str, template: str) -> None:
        super().__init__()
        self.postgres, self.name = postgres, f"example_{uuid.uuid4().hex}"
        with psycopg.connect(postgres, autocommit=True) as admin:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            admin.execute(create.format(sql.Identifier(self.name), sql.Identifier(template)))
        self.dsn = make_conninfo(postgres, dbname=self.name)
        self.log = Log(self.dsn, pool_size=2, sealing=SEALING)
        self.history = History(self.log, 11)
        self.count = 0

    def teardown(self) -> None:
        self.log.close()
        with psycopg.connect(self.postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    # The log grows

    @rule(subject=st.integers(0, 2), minutes=st.lists(st.integers(0, 12), min_size=1, max_size=6))
    def report(self, subject: int, minutes: list[int]) -> None:
        """Reports of one subject, at times that need not rise."""
        self.log.append([self._pending(subject, minute) for minute in minutes])

    def _pending(self, subject: int, minute: int) -> Pending:
        self.count += 1
        at = NOON + timedelta(minutes=minute)
        event = Reported(
            cluster_id="berlin",
            source="kubelet",
            severity=list(Severity)[self.count % 4],
            reason="BackOff",
            message=f"{self.count}",
            namespace="shop",
            labels=Labels(kind="Pod", name=f"web-{subject}"),
            agent_id="a1",
            epoch=1,
            sequence=self.count,
        )
        return Pending(UUID(observation_id("berlin", at, "late", self.count)), 1, event, at, CAUSE)

    @rule(steps=st.integers(1, 6), seed=st.integers(0, 1000))
    def go_on(self, steps: int, seed: int) -> None:
        """The fleet, incidents, workflows and the rest go on."""
        self.history.rng.seed(seed)
        self.history.go_on(steps)

    # Readers follow

    @rule(size=st.sampled_from([1, 3, 7, 2000]))
    def follow(self, size: int) -> None:
        """Every reader comes to the end, in batches of a size."""
        for model in MODELS:
            runner = Runner(self.log, Projecting(VersionedRows(model)), LogSignal(self.dsn), max_batch=size)
            while runner.step() is not None:
                pass
            assert not runner.state.error, runner.state.error

    @precondition(lambda self: self.count > 3)
    @rule(name=st.sampled_from(LISTS))
    def build_again(self, name: str) -> None:
        """A model is built again beside, from wherever its live reader is."""
        rebuild(self.dsn, name, log=self.log)

    # Questions

    @precondition(lambda self: self.log.head() > 0)
    @rule(data=st.data())
    def ask_as_of_a_position(self, data: Any) -> None:
        """Every list as of any position."""
        self.follow(2000)
        position = data.draw(st.integers(0, self.log.head()))
        lists = dict(lists_over_time(self.log.read(0, 10_000)))[position]
        for name, expected in lists.items():
            page = asyncio.run(self._page(name, position, None))
            assert [of_row(found.row, like) for found, like in zip(page, expected, strict=True)] == expected, name

    @precondition(lambda self: self.log.head() > 0)
    @rule(data=st.data(), minute=st.integers(-1, 13), as_known_now=st.booleans())
    def ask_as_of_what_happened(self, data: Any, minute: int, as_known_now: bool) -> None:
        """Observations as of a moment where they happened, as known now or at any position."""
        self.follow(2000)
        head = self.log.head()
        position = head if as_known_now else data.draw(st.integers(0, head))
        at = NOON + timedelta(minutes=minute, seconds=data.draw(st.sampled_from([0, 30])))
        expected = holding(self.log.read(0, 10_000), at, position)
        page = asyncio.run(self._page("events", None if as_known_now else position, at))
        assert [found.row.id for found in page] == expected

    async def _page(self, name: str, position: int | None, occurred: datetime | None) -> list[Any]:
        async with PostgresReadModels(self.dsn, self.log) as models:
            found, before = [], None
            while True:  # small pages: cursors are tried as well
                page = await models.page(
                    model_named(name), Filter(), first=40, before=before, as_of=position, occurred=occurred
                )
                found += page.found
                if not page.has_next:
                    if occurred:
                        count = await models.count(
                            EVENTS, EventFilter(), as_of=position, occurred=occurred, upto=10_000
                        )
                        assert count == len(found)
                    return found
                before = page.found[-1].created

    @invariant()
    def the_log_can_be_read(self) -> None:
        """The log itself is never touched by questions or rebuilds."""
        assert self.log.head() == len(self.log.read(0, 10_000))

    @rule(name=st.sampled_from(LISTS))
    def verify_from_zero(self, name: str) -> None:
        """What serves is, row for row, what the log makes."""
        verified = verify(self.dsn, name, log=self.log)
        assert not verified.count, verified
