"""Appends that share a commit: each is told its own outcome, whatever becomes of its neighbours."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.writing import group_commit
from aetherius.event_store.writing.group_commit import Batch, GroupCommit, Outcome
from event_builders import a_gap


def batch(size: int = 1) -> list[StoredEvent]:
    return [a_gap("c1").stored() for _ in range(size)]


class Store:
    """Commits what it is given, once it may; refuses batches of two."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.position = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.begun = threading.Event()
        self.breaks = False

    def __call__(self, batches: Sequence[Batch]) -> Sequence[Outcome]:
        self.begun.set()
        assert self.may_go_on.wait(30)
        self.groups.append(len(batches))
        if self.breaks:
            raise ConnectionError("gone")
        return [self._outcome(each) for each in batches]

    def _outcome(self, given: Batch) -> Outcome:
        if len(given) == 2:
            return ValueError("two")
        self.position += len(given)
        return self.position


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def commit(store: Store) -> Iterator[GroupCommit]:
    commit = GroupCommit(store)
    yield commit
    store.may_go_on.set()
    commit.close()


def test_a_lone_caller_is_told_its_position(commit: GroupCommit, store: Store) -> None:
    assert [commit.append(batch()), commit.append(batch(3))] == [1, 4]
    assert store.groups == [1, 1]


def together(commit: GroupCommit, store: Store, batches: Sequence[Batch]) -> list[Outcome]:
    """The outcomes of callers who come while one commit is under way."""

    def append(given: Batch) -> Outcome:
        try:
            return commit.append(given)
        except (ValueError, ConnectionError, LogUnavailableError) as exc:
            return exc

    store.may_go_on.clear()
    with ThreadPoolExecutor(len(batches) + 1) as callers:
        first = callers.submit(append, batch())
        assert store.begun.wait(30)
        others = [callers.submit(append, each) for each in batches]
        while commit._queue.qsize() < len(batches):
            pass
        store.may_go_on.set()
        return [first.result(30), *(each.result(30) for each in others)]


def test_those_who_come_meanwhile_share_the_next_commit_and_stand_or_fall_alone(
    commit: GroupCommit, store: Store
) -> None:
    _, one, refused, other = together(commit, store, [batch(), batch(2), batch()])
    assert store.groups == [1, 3]
    assert {one, other} == {2, 3}
    assert str(refused) == "two"


def test_a_commit_holds_no_more_than_so_many_events(
    commit: GroupCommit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_EVENTS", 6)
    together(commit, store, [batch(3) for _ in range(5)])
    assert store.groups == [1, 2, 2, 1]


def test_a_commit_that_fails_fails_all_who_share_it_and_no_later_one(
    commit: GroupCommit, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.breaks = True
    assert [type(each) for each in together(commit, store, [batch(), batch()])] == [ConnectionError] * 3
    assert "group commit of 2 appends failed" in caplog.text
    store.breaks = False
    assert commit.append(batch()) == 1


def test_what_is_queued_is_stored_before_it_closes_and_nothing_after(commit: GroupCommit, store: Store) -> None:
    store.may_go_on.clear()
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(commit.append, batch())
        assert store.begun.wait(30)
        queued = callers.submit(commit.append, batch())
        while commit._queue.empty():
            pass
        closing = callers.submit(commit.close)
        store.may_go_on.set()
        closing.result(30)
        assert sorted((first.result(30), queued.result(30))) == [1, 2]
    with pytest.raises(LogUnavailableError, match="the log is closed"):
        commit.append(batch())
    commit.close()


def test_one_that_comes_behind_the_close_is_refused(store: Store) -> None:
    commit = GroupCommit(store)
    store.may_go_on.clear()
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(commit.append, batch())
        assert store.begun.wait(30)
        commit._queue.put(None)
        late = callers.submit(commit.append, batch())
        while commit._queue.qsize() < 2:
            pass
        store.may_go_on.set()
        assert first.result(30) == 1
        with pytest.raises(LogUnavailableError, match="the log is closed"):
            late.result(30)


def test_a_log_that_does_not_keep_up_is_told(
    commit: GroupCommit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_DEADLINE", 0.05)
    store.may_go_on.clear()
    with pytest.raises(LogUnavailableError, match="does not keep up"):
        commit.append(batch())
    monkeypatch.setattr(group_commit, "_DEADLINE", 30.0)
