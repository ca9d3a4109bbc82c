"""The law of the game days, and their table."""

from __future__ import annotations

import pytest

from game_day import NOBODY, NOTIFY, POLICY, Offer, Row, Scenario, harm
from game_day_table import rendered, written

PERSON = "user:local"
RAISE = frozenset({"UpdateResourceLimits"})
PLAIN = Scenario(title="a node is away", decoy="a|b", harm="a drain", refuted_by="a drain")


def an_offer(by: str, *, done: bool = False, action: str = "UpdateResourceLimits") -> Offer:
    return Offer(action=action, name="web", by=by, done=done, asked=by != POLICY)


@pytest.mark.parametrize(("by", "done"), [(POLICY, True), (POLICY, False), (NOBODY, False), (PERSON, True)])
def test_what_a_scenario_does_not_allow_is_harm(by: str, done: bool) -> None:
    assert harm(PLAIN, [an_offer(by, done=done)]) == [an_offer(by, done=done)]


def test_to_tell_the_owner_is_no_harm() -> None:
    assert harm(PLAIN, [an_offer(POLICY, done=True, action=NOTIFY)]) == []


def test_what_a_person_may_be_asked_for_is_not_for_policy() -> None:
    asking = Scenario(title="", decoy="", harm="", refuted_by="", asks=RAISE)
    assert harm(asking, [an_offer(NOBODY), an_offer(PERSON, done=True)]) == []
    assert harm(asking, [an_offer(POLICY)]) == [an_offer(POLICY)]


def test_what_a_dry_run_must_refuse_is_harm_once_it_is_done_or_asked_for() -> None:
    refused = Scenario(title="", decoy="", harm="", refuted_by="", refused=RAISE)
    tried = Offer(action="UpdateResourceLimits", name="web", by=NOBODY, done=False)
    assert harm(refused, [tried]) == []
    assert harm(refused, [an_offer(NOBODY)]) == [an_offer(NOBODY)]
    assert harm(refused, [an_offer(POLICY)]) == []
    assert harm(refused, [an_offer(POLICY, done=True)]) == [an_offer(POLICY, done=True)]


def test_the_table_is_written_between_its_marks_and_nothing_else_changes() -> None:
    table = rendered([Row(PLAIN, "unknown", "nothing", "3")])
    assert "| a node is away | a/b | a drain | a drain | unknown | nothing | 3 |" in table
    page = "# A\n<!-- game days: begin -->\nold\n<!-- game days: end -->\nB\n"
    once = written(page, table)
    assert once == f"# A\n<!-- game days: begin -->\n{table}<!-- game days: end -->\nB\n"
    assert written(once, table) == once


def test_what_is_still_failed_is_said_in_the_table() -> None:
    still = Scenario(title="a node is away", decoy="", harm="", refuted_by="", open="nobody waits")
    assert "| a drain. **Open**: nobody waits | 3 |" in rendered([Row(still, "unknown", "a drain", "3")])
