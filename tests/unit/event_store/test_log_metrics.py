"""What a process tells Prometheus of the log, and whether it is ready: while the log is away it says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.health import health_of
from aetherius.event_store.log import Log
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.metrics import exposition, forget_readers, note_reader
from aetherius.event_store.upkeep.log_standing import LogStanding
from event_builders import a_gap

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


class StandingLog(MemoryLog):
    """One that tells where it stands, as PostgreSQL's does; or is away."""

    away = False

    def standing(self) -> LogStanding:
        if self.away:
            raise LogUnavailableError("away")
        return LogStanding(head=super().head(), clock_ahead=-2.0, timeline=3, confirmed=False)

    def head(self) -> int:
        if self.away:
            raise LogUnavailableError("away")
        return super().head()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Metrics are the process's: leave none."""
    forget_readers()
    yield
    forget_readers()


@pytest.fixture
def log() -> StandingLog:
    log = StandingLog(clock=lambda: LONG_AGO)
    log.append([a_gap("c1") for _ in range(5)])
    return log


def told(log: StandingLog) -> dict[str, float]:
    families = text_string_to_metric_families(exposition(cast("Log", log)).decode())
    samples = [sample for family in families for sample in family.samples]
    return {"/".join((s.name.removeprefix("aetherius_"), *s.labels.values())): s.value for s in samples}


def test_where_the_log_stands_is_told(log: StandingLog) -> None:
    found = told(log)
    names = ("log_up", "log_head", "log_clock_ahead_seconds", "log_timeline", "log_restore_unconfirmed")
    assert [found[name] for name in names] == [1, 5, 0, 3, 1]


def test_how_far_behind_a_reader_is_is_told_in_events_and_in_seconds(log: StandingLog) -> None:
    note_reader("slow", 3)
    note_reader("quick", 5, parked=True)
    note_reader("lost", 9, ahead=True)
    found = told(log)
    assert [found[f"reader_lag_events/{name}"] for name in ("slow", "quick", "lost")] == [2, 0, 0]
    assert found["reader_lag_seconds/slow"] >= 3600
    assert found["reader_lag_seconds/quick"] == found["reader_lag_seconds/lost"] == 0
    assert [found[f"reader_parked/{name}"] for name in ("slow", "quick")] == [0, 1]
    assert [found[f"reader_ahead/{name}"] for name in ("slow", "lost")] == [0, 1]
    forget_readers()
    assert not [name for name in told(log) if name.startswith("reader_lag")]


def test_an_age_that_cannot_be_told_is_none(log: StandingLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(position: int) -> datetime:
        raise LogUnavailableError("away now")

    note_reader("slow", 3)
    monkeypatch.setattr(log, "recorded_at", unknown)
    assert told(log)["reader_lag_seconds/slow"] == 0


def test_while_the_log_is_away_it_is_said(log: StandingLog) -> None:
    log.away = True
    assert told(log)["log_up"] == 0


@pytest.mark.anyio
async def test_a_process_is_ready_while_the_log_answers_and_so_does_what_else_it_needs(
    log: StandingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await health_of(cast("Log", log)).is_ready()
    assert not await health_of(cast("Log", log), lambda: False).is_ready()
    assert b"aetherius_log_up 1.0" in await health_of(cast("Log", log)).metrics()
    monkeypatch.setattr("aetherius.event_store.health._WITHIN", 0.01)
    monkeypatch.setattr(log, "head", lambda: time.sleep(0.2))
    assert not await health_of(cast("Log", log)).is_ready()
    log.away = True
    monkeypatch.undo()
    assert not await health_of(cast("Log", log)).is_ready()
