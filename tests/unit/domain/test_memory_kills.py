"""Which OOM kills explain why containers crash now, and when they are no loop."""

from __future__ import annotations

from datetime import datetime

import pytest

from aetherius.domain.diagnosis.evidence import EvidenceFile, Sign
from aetherius.domain.diagnosis.memory_kills import MemoryKills
from aetherius.domain.diagnosis.node_memory import shortage
from aetherius.domain.wire.analysis import Evidence
from evidence_builders import NOON, a_file, described, ended, kill, minutes, pressure, sign

BACK_OFF = sign("BackOff", "Back-off restarting failed container")
ENDED_OTHERWISE = 1


def of(*signs: Sign, **outputs: str) -> MemoryKills:
    return MemoryKills.of(a_file(*signs, about=None, **outputs))


def crash(
    first: datetime | None, *, code: int | None = ENDED_OTHERWISE, pod: str = "web-1", container: str = "app"
) -> Sign:
    return sign("CrashLoopBackOff", pod=pod, container=container, first_timestamp=first, exit_code=code)


class TestWhichCount:
    @pytest.mark.parametrize(("code", "counts"), [(137, True), (None, True), (1, False), (0, False)])
    def test_only_a_kill_of_the_main_process_does(self, code: int | None, counts: bool) -> None:
        assert bool(of(kill(exit_code=code)).told) is counts

    def test_any_does_while_nobody_tells_of_a_back_off(self) -> None:
        kills = of(kill(), kill(container="proxy"))
        assert (len(kills.told), kills.looping) == (2, False)

    def test_only_that_of_a_container_that_is_backed_off_does_then(self) -> None:
        kills = of(kill(), kill(container="proxy"), kill(pod="web-2"), BACK_OFF)
        assert [(each.labels.name, each.raw_data.container) for each in kills.told] == [("web-1", "app")]
        assert kills.looping

    @pytest.mark.parametrize("reason", ["BackOff", "CrashLoopBackOff"])
    def test_a_back_off_of_a_pod_that_names_no_container_is_of_any(self, reason: str) -> None:
        assert len(of(kill(), sign(reason, container="")).told) == 1
        assert of(kill(), sign(reason, container="", pod="web-2")).told == []

    def test_a_look_tells_of_the_containers_that_were_killed_or_are_backed_off_and_of_no_others(self) -> None:
        states = {
            "app": ended("Last State", "OOMKilled", 137),
            "proxy": ended("Last State", "OOMKilled", 137),
            "log": ended("Last State", "Error", 1),
        }
        kills = of(kill(), BACK_OFF, crash(None, container="log", code=None), look=described(**states))
        assert [each.container for each in kills.described] == ["app"]
        assert [each.container for each in kills.others] == ["log"]

    def test_a_look_tells_of_any_container_where_nothing_names_one(self) -> None:
        states = {"app": ended("Last State", "OOMKilled", 137), "log": ended("Last State", "Error", 1)}
        kills = of(sign("BackOff", container=""), look=described(**states))
        assert ([each.container for each in kills.described], [each.container for each in kills.others]) == (
            ["app"],
            ["log"],
        )

    @pytest.mark.parametrize(("reason", "code"), [("Error", 137), ("OOMKilled", 1)])
    def test_a_reason_or_a_code_alone_is_no_kill(self, reason: str, code: int) -> None:
        kills = of(look=described(app=ended("Last State", reason, code)))
        assert (kills.described, len(kills.others)) == ([], 1)
        assert not kills.explain

    def test_of_each_container_the_latest_end_counts(self) -> None:
        states = ended("State", "Error", 1) + ended("Last State", "OOMKilled", 137)
        assert of(look=described(app=states)).described == []

    def test_an_end_of_nobody_knows_which_container_counts_too(self) -> None:
        assert len(of(kill(), look=ended("Last State", "OOMKilled", 137)).described) == 1


class TestOvertaken:
    @pytest.mark.parametrize(
        ("later", "overtaken"),
        [
            (crash(minutes(1)), True),
            (crash(NOON), False),
            (crash(minutes(-1)), False),
            (crash(None), True),
            (crash(minutes(1), code=137), False),
            (crash(minutes(1), code=None), False),
            (crash(minutes(1), pod="web-2"), False),
            (crash(minutes(1), container="proxy"), False),
        ],
    )
    def test_by_a_later_back_off_of_the_same_container_after_another_end(self, later: Sign, overtaken: bool) -> None:
        kills = of(kill(NOON), BACK_OFF, later)
        assert (len(kills.overtaken), len(kills.told)) == ((1, 0) if overtaken else (0, 1))

    def test_a_kill_of_which_nobody_knows_when_is_overtaken_by_any(self) -> None:
        assert len(of(kill(None), crash(minutes(-9))).overtaken) == 1

    def test_each_back_off_is_looked_at(self) -> None:
        for first in (crash(minutes(1), code=137), crash(minutes(-1)), crash(minutes(1), container="proxy")):
            assert len(of(kill(NOON), first, crash(minutes(2))).overtaken) == 1


class TestEvidence:
    def test_it_quotes_the_last_two_kills_and_what_a_look_showed(self) -> None:
        kills = of(
            kill(minutes(0)),
            kill(minutes(1), memory_limit=""),
            kill(minutes(2), exit_code=None),
            look=described(app=ended("Last State", "OOMKilled", 137)),
        )
        assert kills.evidence == [
            Evidence(source="events", finding="web-1/app: OOMKilled (exit code 137), memory limit none", weight=0.5),
            Evidence(source="events", finding="web-1/app: OOMKilled (exit code None), memory limit 64Mi", weight=0.5),
            Evidence(source="look", finding="container ended with OOMKilled, exit code 137", weight=0.5),
        ]
        assert kills.confidence == 0.95

    def test_it_says_what_speaks_against(self) -> None:
        kills = of(kill(NOON), look=described(app=ended("Last State", "Error", 2)))
        assert kills.evidence[1:] == [
            Evidence(source="look", finding="but also: a container ended with Error, exit code 2", weight=0.2)
        ]
        assert kills.confidence == 0.4

    def test_one_sight_is_less_sure_than_two(self) -> None:
        assert of(kill(NOON)).confidence == 0.75
        assert of(look=described(app=ended("Last State", "OOMKilled", 137))).confidence == 0.75

    def test_a_kill_that_was_overtaken_is_told_and_explains_nothing(self) -> None:
        kills = of(kill(NOON), crash(minutes(1)))
        assert not kills.explain
        finding = "web-1/app: OOMKilled (exit code 137), memory limit 64Mi, but it has ended otherwise since"
        assert kills.evidence == [Evidence(source="events", finding=finding, weight=0.1)]

    def test_the_limit_is_that_of_the_latest_kill_that_tells_one(self) -> None:
        kills = of(kill(minutes(0), memory_limit="32Mi"), kill(minutes(1)), kill(minutes(2), memory_limit=""))
        assert kills.limit == ("app", "64Mi")
        assert of(kill(memory_limit="")).limit == ("", "")


def slow(*signs: Sign, reopened: int = 0, **outputs: str) -> list[str]:
    return [each.finding for each in of(*signs, **outputs).slow_evidence(reopened)]


class TestSlow:
    def test_a_kill_without_a_back_off_is_no_loop(self) -> None:
        assert of(kill(NOON)).slow_evidence(0) == [
            Evidence(
                source="events",
                finding="1 kill(s), and no back-off between them: a limit that is too low, or a slow leak",
                weight=0.2,
            )
        ]

    def test_a_kill_with_a_back_off_is_one(self) -> None:
        assert slow(kill(NOON), BACK_OFF) == []

    def test_kills_of_which_nobody_knows_when_may_be_one(self) -> None:
        assert slow(kill(None)) == []

    @pytest.mark.parametrize(("gap", "count"), [(10, 0), (10.1, 2), (600, 2)])
    def test_kills_far_apart_are_none_though_one_is_backed_off(self, gap: float, count: int) -> None:
        found = slow(kill(NOON), kill(minutes(gap)), BACK_OFF)
        assert [each[:9] for each in found] == ([f"{count} kill(s)"] if count else [])

    def test_the_shortest_of_several_gaps_decides(self) -> None:
        assert slow(kill(NOON), kill(minutes(60)), kill(minutes(65)), BACK_OFF) == []
        assert slow(kill(NOON), kill(minutes(60)), kill(minutes(120)), BACK_OFF)[0].startswith("3 kill(s)")

    def test_kills_of_one_container_within_minutes_are_a_loop_before_anybody_tells_of_it(self) -> None:
        assert slow(kill(NOON), kill(minutes(10))) == []
        assert slow(kill(NOON), kill(minutes(10), pod="web-2"))[0].startswith("2 kill(s)")
        assert slow(kill(NOON), kill(minutes(10), container="proxy"))[0].startswith("2 kill(s)")

    def test_two_sights_of_one_end_are_one(self) -> None:
        assert slow(kill(NOON), kill(minutes(0.5), pod="web-2"))[0].startswith("1 kill(s)")
        assert slow(kill(NOON), kill(minutes(0.51), pod="web-2"))[0].startswith("2 kill(s)")
        assert slow(kill(NOON), kill(NOON))[0].startswith("1 kill(s)")

    def test_a_look_counts_as_a_sight(self) -> None:
        look = described(app=ended("Last State", "OOMKilled", 137))
        assert slow(kill(minutes(60)), look=look)[0].startswith("2 kill(s)")

    def test_what_came_back_is_slow_whatever_its_kills(self) -> None:
        came_back = "it came back 2 time(s): a limit that is too low, or a slow leak"
        assert slow(kill(NOON), BACK_OFF, reopened=2) == [came_back]
        assert slow(kill(NOON), reopened=2) == [came_back]


class TestTheNodes:
    def found(self, file: EvidenceFile, *times: datetime) -> list[Evidence]:
        return shortage(file, times)

    def test_a_kill_of_the_node_at_the_time_is_told_with_the_kernels_words(self) -> None:
        file = a_file(look=pressure((NOON, minutes(1), "Killed process 7")))
        finding = "node n1 ran out of memory at 2026-11-23 12:01:00: Killed process 7"
        assert self.found(file, NOON) == [Evidence(source="node", finding=finding, weight=0.6)]

    @pytest.mark.parametrize(("at", "near"), [(-5.1, False), (-5, True), (0.5, True), (6, True), (6.1, False)])
    def test_only_one_within_minutes_counts(self, at: float, near: bool) -> None:
        file = a_file(look=pressure((NOON, minutes(1), "x")))
        assert bool(self.found(file, minutes(at))) is near
        assert bool(self.found(file, minutes(600), minutes(at))) is near

    def test_without_a_time_any_counts_and_the_last_two_are_told(self) -> None:
        file = a_file(look=pressure(*((NOON, NOON, word) for word in ("first", "second", "third"))))
        assert [each.finding[-6:] for each in self.found(file)] == ["second", " third"]

    def test_where_nobody_looked_nothing_is_known(self) -> None:
        assert self.found(a_file(look="no answer"), NOON) == []
        assert self.found(a_file(look=pressure()), NOON) == []
