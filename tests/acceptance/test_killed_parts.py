"""Any part is killed in the middle of ingest and of workflows: it comes back, and everything has happened once."""

from __future__ import annotations

import pytest

from aetherius.cli.platform import ROOMS
from crash_site import MOMENTS, CrashSite
from read_model_checks import compare_with_a_replay, live_and_rebuilt

WORKING = ("agent_manager", "orchestrator")
READING = tuple(room for room in ROOMS if room not in WORKING)
"""Rooms that decide nothing: killed together."""


@pytest.mark.parametrize("parts", [*((room,) for room in WORKING), READING, ("postgres",), ("nats",)], ids="+".join)
def test_what_is_killed_comes_back_and_nothing_is_lost_or_done_twice(
    site: CrashSite, space: str, parts: tuple[str, ...]
) -> None:
    stories = site.furnish(space, len(MOMENTS))
    killed: list[int] = []
    with site.feeding() as fed:
        site.kill_at_each_moment(stories, lambda: killed.extend(site.installation.kill_child(part) for part in parts))
        site.must_end_well(stories)
    running = [site.installation.pid(part) for part in parts]
    assert len({*killed, *running}) == len(parts) * (len(MOMENTS) + 1)
    site.must_be_whole(stories, fed)


def test_an_agent_that_is_killed_goes_on_where_it_was(site: CrashSite, space: str) -> None:
    stories = site.furnish(space, len(MOMENTS))
    with site.feeding() as fed:
        site.kill_at_each_moment(stories, site.cluster.kill_agent)
        site.must_end_well(stories)
    site.must_be_whole(stories, fed)


def test_everything_is_killed_with_aetherius_up_and_goes_on_with_it(site: CrashSite, space: str) -> None:
    stories = site.furnish(space, len(MOMENTS))

    def kill() -> None:
        site.installation.kill()
        site.installation.begin()

    with site.feeding() as fed:
        site.kill_at_each_moment(stories, kill)
        site.must_end_well(stories)
    site.must_be_whole(stories, fed)


def test_a_question_to_a_person_outlives_the_platform(site: CrashSite, space: str) -> None:
    [story] = site.furnish(space)
    with site.feeding() as fed:
        site.break_configuration(story)
        story.until("Remediation.ApprovalRequested")
        site.installation.kill()
        site.installation.start()
        assert not story.happened("Remediation.Approved")
        site.installation.approve(story.question())
        site.must_end_well([story])
    site.must_be_whole([story], fed, "RollbackDeployment")


def test_ctrl_c_in_the_middle_of_a_workflow_is_obeyed_and_the_workflow_goes_on_later(
    site: CrashSite, space: str
) -> None:
    [story] = site.furnish(space)
    with site.feeding() as fed:
        site.break_limit(story)
        story.until("Remediation.Approved")
        site.installation.interrupt()
        assert site.installation.remains() == []
        site.installation.start()
        site.must_end_well([story])
    site.must_be_whole([story], fed)


@pytest.mark.anyio
async def test_after_all_this_read_models_built_from_zero_equal_the_live_ones(site: CrashSite, space: str) -> None:
    site.see_one_repair(space)
    with site.quiet():
        live, rebuilt = await live_and_rebuilt(site.installation.dsn)
    assert all(rows for name, rows in live.items() if name != "freezes"), {
        name: len(rows) for name, rows in live.items()
    }
    assert rebuilt == live


@pytest.mark.anyio
async def test_after_all_this_every_list_as_of_every_decision_equals_a_replay(site: CrashSite, space: str) -> None:
    site.see_one_repair(space)
    assert await compare_with_a_replay(site.installation.dsn, site.witness.history) > 20
