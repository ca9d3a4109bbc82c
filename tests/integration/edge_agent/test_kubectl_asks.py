"""What the real kubectl asks of the API server is what the policy read: the command's namespace and no other, and never a secret."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.domain.wire.command import CommandMessage, CommandType
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.commanding.runner import kubectl_argv
from aetherius.edge_agent.errors import PolicyRefusedError
from cluster_probe import KUBECTL
from listed_cases import cases
from recording_api import RecordingApi, recording_api

PROGRAM = str(KUBECTL) if KUBECTL.exists() else shutil.which("kubectl")
ASKING = {"get", "describe", "logs", "events", "rollout", "top"}


class Asked:
    """kubectl, and what it asks."""

    def __init__(self, api: RecordingApi, folder: Path) -> None:
        self.api = api
        self._folder = folder
        self._kubeconfig = api.kubeconfig(folder)

    def run(self, argv: list[str]) -> list[str]:
        """The paths that a line, given as it came, makes kubectl ask."""
        assert PROGRAM
        self.api.asked.clear()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "KUBERC": "off"}
        subprocess.run(
            [PROGRAM, "--kubeconfig", str(self._kubeconfig), *argv],
            check=False,
            capture_output=True,
            timeout=60,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        return list(self.api.asked)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    if PROGRAM is None:
        pytest.skip("kubectl: it is neither beside the interpreter nor on PATH")
    with recording_api() as api:
        yield Asked(api, tmp_path_factory.mktemp("kubectl"))


def line_for(argv: list[str], namespace: str) -> list[str]:
    """What the agent would run. Raises ``PolicyRefusedError``."""
    command = CommandMessage(
        id="look", cluster_id="north", type=CommandType.DIAGNOSTIC, tool="kubectl", action=argv[1], args=argv[2:], namespace=namespace,
        issued_by="test", correlation_id="look", expires_at=datetime.now(UTC), nonce="once",
    )  # fmt: skip
    allowed = check(kubectl_argv(command))
    assert allowed
    return allowed.argv()


def all_accepted() -> list[Any]:
    return [
        each
        for each in cases("policy")
        if each.values[0]["right"] == "accepted" and ASKING & set(each.values[0]["argv"])
    ]


@pytest.mark.parametrize("case", all_accepted())
def test_an_allowed_line_asks_in_the_namespace_that_was_read(asked: Asked, case: dict[str, Any]) -> None:
    argv = case["argv"]
    read = check(argv)
    assert read
    for line in (argv[1:], read.argv()):
        paths = asked.run(line)
        assert asked.api.namespaces() <= {read.namespace or "of-the-agent"}, paths
        assert not any("secrets" in path for path in paths)


@pytest.mark.parametrize("case", all_accepted())
def test_a_command_for_a_namespace_asks_there(asked: Asked, case: dict[str, Any]) -> None:
    try:
        line = line_for(case["argv"], "shop")
    except PolicyRefusedError:
        return  # it names another one
    asked.run(line)
    assert asked.api.namespaces() <= {"shop"}


def test_what_is_asked_is_seen_at_all(asked: Asked) -> None:
    assert asked.run(["get", "pods", "-nprod"]) == ["/api/v1/namespaces/prod/pods"]
    assert asked.run(["get", "secrets"]) == ["/api/v1/namespaces/of-the-agent/secrets"]


NAMESPACES = st.sampled_from(
    [["-n", "prod"], ["-nprod"], ["-n=prod"], ["--namespace", "prod"], ["--namespace=prod"], []]
)
VALUES = {
    "int": "5",
    "selector": "app=web",
    "name": "app",
    "duration": "5m",
    "timeout": "5s",
    "bool": "true",
    "off": "false",
    "sort_by": ".metadata.name",
}
GET = [
    flag
    for flag in command_policy().kubectl.verbs["get"].flags
    if flag.value in VALUES and "--all-namespaces" not in flag.names
]
SHORT = {"--selector": "-l", "--label-columns": "-L", "--watch": "-w"}


@st.composite
def get_flags(draw: st.DrawFn) -> list[str]:
    flag = draw(st.sampled_from(GET))
    name = draw(st.sampled_from(flag.names))
    short = SHORT.get(name)
    value = VALUES[flag.value]
    if short and draw(st.booleans()):
        return draw(
            st.sampled_from([[f"{short}={value}"], *([] if flag.is_switch else [[short, value], [f"{short}{value}"]])])
        )
    return draw(st.sampled_from([[f"{name}={value}"], [name] if flag.value == "bool" else [f"{name}={value}"]]))


@given(NAMESPACES, NAMESPACES, st.lists(get_flags(), max_size=3), st.permutations([0, 1, 2]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_allowed_line_of_the_grammar_asks_where_it_was_read_to(
    asked: Asked, before: list[str], after: list[str], flags: list[list[str]], order: list[int]
) -> None:
    parts = [["pods"], after, [word for flag in flags for word in flag]]
    argv = ["kubectl", *before, "get", *(word for at in order for word in parts[at])]
    try:
        read = check(argv)
    except PolicyRefusedError:
        return
    assert read
    expected = {read.namespace or "of-the-agent"}
    asked.run(argv[1:])
    assert asked.api.namespaces() == expected
    asked.run(read.argv())
    assert asked.api.namespaces() == expected
