"""Every line of `tests/cases/policy/` is allowed or refused as it says, in the namespace that its command was issued for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.domain.wire.command import CommandMessage, CommandType
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.commanding.runner import kubectl_argv
from aetherius.edge_agent.errors import PolicyRefusedError
from listed_cases import cases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def command(argv: list[str], namespace: str = "") -> CommandMessage:
    return CommandMessage(
        id="look",
        cluster_id="north",
        type=CommandType.DIAGNOSTIC,
        tool="kubectl",
        action=argv[1],
        args=argv[2:],
        namespace=namespace,
        issued_by="test",
        correlation_id="look",
        expires_at=NOW,
        nonce="once",
    )


def read(argv: list[str], namespace: str = "") -> KubectlCommand:
    """The line that would be run."""
    check(argv)
    allowed = check(kubectl_argv(command(argv, namespace)))
    assert allowed
    return allowed


@pytest.mark.parametrize("case", cases("policy"))
def test_a_line_is_allowed_or_refused(case: dict[str, Any]) -> None:
    wanted = case.get("for_namespace", "")
    if case["right"] == "refused":
        with pytest.raises(PolicyRefusedError) as refused:
            read(case["argv"], wanted)
        assert str(refused.value) == case["says"]
        return
    allowed = read(case["argv"], wanted)
    assert not wanted or (allowed.namespace == wanted and not allowed.all_namespaces)
    assert check(["kubectl", *allowed.argv()]) == allowed


@pytest.mark.parametrize(("ago", "allowed"), [(timedelta(hours=23, minutes=59), True), (timedelta(hours=25), False)])
def test_logs_since_a_time_reach_back_a_day(ago: timedelta, allowed: bool) -> None:
    argv = ["kubectl", "logs", "web-0", f"--since-time={(NOW - ago).strftime('%Y-%m-%dT%H:%M:%SZ')}"]
    if allowed:
        check(argv, now=NOW)
        return
    with pytest.raises(PolicyRefusedError, match="over 24h ago"):
        check(argv, now=NOW)


FLAGS = [
    "-n",
    "-n=",
    "-nprod",
    "--namespace",
    "--namespace=",
    "-A",
    "-Ao",
    "-l",
    "-L",
    "-o",
    "--",
    "-",
    "--no-headers",
    "-w=false",
]
WORDS = st.sampled_from(
    [
        *FLAGS,
        "get",
        "pods",
        "prod",
        "kube-system",
        "json",
        "true",
        "pods,secrets",
        "secret/db",
        "pod/web-0",
        "app=web",
        "logs",
    ]
)


@given(st.lists(WORDS, max_size=8))
def test_whatever_is_allowed_asks_in_the_commands_namespace_and_never_for_secrets(words: list[str]) -> None:
    try:
        allowed = read(["kubectl", "get", *words], "prod")
    except PolicyRefusedError:
        return
    assert allowed.argv().count("--namespace=prod") == 1
    assert not allowed.all_namespaces
    assert not any("secret" in word for word in allowed.words)


def test_every_flag_without_a_value_is_refused_where_it_takes_one() -> None:
    rules = command_policy().kubectl
    for verb, rule in rules.verbs.items():
        for flag in rule.flags:
            for name in flag.names if not flag.is_switch else ():
                for last in ([name], [f"{name}="], [name, "--namespace=prod"]):
                    with pytest.raises(PolicyRefusedError):
                        check(["kubectl", verb, "pods", *last])
