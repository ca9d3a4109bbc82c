"""A revision that worked for a moment has proven nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from aetherius.edge_agent.database import Database
from aetherius.edge_agent.watching.revisions import AvailableRevisions


class Site:
    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.revisions = AvailableRevisions(Database(self._folder / "agent.db"), lambda: self.now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_longest_time_without_a_break_counts(site: Site) -> None:
    for seconds in (5, 40, 10):
        site.revisions.note("a")
        site.now += seconds
        site.revisions.note_unavailable("a")
        site.now += 100
    assert site.revisions.available_for("a") == 40
    assert site.revisions.was_available("a")


def test_what_still_lasts_counts_until_now(site: Site) -> None:
    site.revisions.note("a")
    site.now += 70
    site.revisions.note("a")
    assert site.revisions.available_for("a") == 70
    assert site.revisions.available_for("b") == 0


def test_a_restart_remembers_what_is_over(site: Site) -> None:
    site.revisions.note("a")
    site.now += 70
    site.revisions.note_unavailable("a")
    site.start()
    assert site.revisions.available_for("a") == 70


def test_what_was_taken_back_is_bad_until_it_works_again(site: Site) -> None:
    site.revisions.note("a")
    site.now += 70
    site.revisions.note_bad("a")
    assert site.revisions.is_bad("a", 60)
    site.start()
    assert site.revisions.is_bad("a", 60)
    site.revisions.note("a")
    site.now += 61
    assert not site.revisions.is_bad("a", 60)
    site.revisions.forget("a")
    site.start()
    assert not site.revisions.is_bad("a", 1e9)
