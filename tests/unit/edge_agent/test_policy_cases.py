"""The command policy on cases kept as data: a case is added by a file, or by a line in one, in `tests/cases/policy`."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from aetherius.domain.wire.command import CommandMessage, CommandType
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.commanding.runner import kubectl_argv
from aetherius.edge_agent.errors import PolicyRefusedError

FOLDER: Final = Path(__file__).parents[2] / "cases" / "policy"
CASES: Final = [
    pytest.param(case, id=f"{file.stem}: {case.get('line') or ' '.join(case['argv'])}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text())
]


def argv_of(case: dict[str, Any]) -> list[str]:
    return case.get("argv") or ["kubectl", *shlex.split(case["line"])]


def as_the_agent_runs_it(case: dict[str, Any]) -> list[str]:
    """The line with the namespace that the command was issued for. Raises ``PolicyRefusedError``."""
    argv = argv_of(case)
    if "for_namespace" in case:
        command = CommandMessage(
            id="1",
            cluster_id="north",
            type=CommandType.DIAGNOSTIC,
            tool="kubectl",
            action=argv[1],
            args=argv[2:],
            namespace=case["for_namespace"],
            timeout="30s",
            issued_by="user:ada",
            correlation_id="1",
            expires_at=datetime.now(UTC) + timedelta(minutes=1),
            nonce="1",
        )
        argv = list(kubectl_argv(command))
    return argv


@pytest.mark.parametrize("case", CASES)
def test_a_case(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(PolicyRefusedError) as refusal:
            check(as_the_agent_runs_it(case))
        assert refusal.value.layer == case["refused"] or (
            case["refused"] == "grammar" and refusal.value.layer == "form"
        )
        return
    read = check(as_the_agent_runs_it(case))
    assert read is not None
    assert read.flag("-n") == case.get("goes_to")


@pytest.mark.parametrize(("hours", "allowed"), [(1, True), (23, True), (25, False), (24 * 365, False)])
@pytest.mark.parametrize("zone", ["Z", "+00:00"])
def test_logs_are_read_back_for_a_day_at_most(hours: int, allowed: bool, zone: str) -> None:
    since = f"{datetime.now(UTC) - timedelta(hours=hours):%FT%T}{zone}"
    if allowed:
        check(["kubectl", "logs", "web-0", f"--since-time={since}"])
    else:
        with pytest.raises(PolicyRefusedError, match="is over 24h"):
            check(["kubectl", "logs", "web-0", f"--since-time={since}"])
