"""Which kubectl lines name a target, and what the others act on; always as the agent reads the same line."""

from __future__ import annotations

import pytest

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.domain.workflow.definition import CommandStep
from aetherius.domain.workflow.events import Target
from aetherius.edge_agent.commanding.kubectl_grammar import parse_kubectl
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.errors import PolicyRefusedError
from aetherius.orchestrator.workflow.step_commands import with_target

KUBECTL = command_policy().kubectl
WEB = Target(cluster_id="north", namespace="shop", kind="Deployment", name="web", pod="web-1", container="app")


def argued(action: str, *args: str, target: Target = WEB) -> list[str]:
    return with_target(CommandStep(id="look", tool="kubectl", action=action, args=list(args)), target)


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("logs --tail 1", "web-1 -c app --tail 1"),
        ("logs --tail 100", "web-1 -c app --tail 100"),
        ("logs --tail=100 --previous", "web-1 -c app --tail=100 --previous"),
        ("logs --since 5m --limit-bytes 4096", "web-1 -c app --since 5m --limit-bytes 4096"),
        ("logs -c side --tail 5", "web-1 -c side --tail 5"),
        ("logs --all-containers --tail 1", "web-1 --all-containers --tail 1"),
        ("logs -n shop --tail 1", "web-1 -c app -n shop --tail 1"),
        ("logs --tail 1 --previous web-2", "--tail 1 --previous web-2"),
        ("logs web-2 --tail 100", "web-2 --tail 100"),
        ("logs --tail 100 web-2", "--tail 100 web-2"),
        ("logs -l app=web --tail 5", "-l app=web --tail 5"),
        ("logs --since 5m --selector=app=web", "--since 5m --selector=app=web"),
        ("describe --chunk-size 10", "pod web-1 --chunk-size 10"),
        ("describe node n1", "node n1"),
        ("get -o json", "pod web-1 -o json"),
        ("get --output yaml --show-labels", "pod web-1 --output yaml --show-labels"),
        ("get pods -o json", "pods -o json"),
        ("get --show-labels pods", "--show-labels pods"),
        ("events --types Warning", "--types Warning"),
        ("rollout history deployment/web", "history deployment/web"),
    ],
)
def test_a_line_without_a_target_acts_on_the_incidents_object(line: str, becomes: str) -> None:
    action, *args = line.split()
    assert argued(action, *args) == becomes.split()
    check(["kubectl", action, *becomes.split()])


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("logs", ["--tail"]),
        ("logs", ["--tail", "--previous"]),
        ("logs", ["--tail", "100", "--tail", "100"]),
        ("logs", ["--tail=100", "--", "web-2"]),
        ("logs", ["--previous=web-2"]),
        ("logs", ["--unknown", "web-2"]),
        ("logs", ["--tai", "100"]),
        ("logs", ["-ctail", "100"]),
        ("logs", ["-"]),
        ("logs", [""]),
        ("logs", ["--follow", "--tail", "1"]),
        ("get", ["-o", "-l", "pods"]),
        ("get", ["-o"]),
        ("get", ["--kubeconfig", "/etc/shadow"]),
        ("get", ["--raw", "/api"]),
        ("describe", ["--chunk-size", "secret/db"]),
        ("describe", ["--show-events", "secret/db"]),
        ("describe", ["-l", "app=web", "secrets"]),
    ],
)
def test_a_hostile_line_is_refused_with_a_target_or_without(action: str, args: list[str]) -> None:
    for line in (args, argued(action, *args)):
        with pytest.raises(PolicyRefusedError):
            check(["kubectl", action, *line])


@pytest.mark.parametrize(
    "line", [each for each in command_policy().allow_examples if each[0] == "kubectl"], ids=" ".join
)
def test_a_line_is_split_here_as_the_agent_splits_it(line: tuple[str, ...]) -> None:
    read = parse_kubectl(line, KUBECTL)
    words, flags = KUBECTL.split(line[1], line[2:])
    assert tuple(words) == ((read.subcommand,) if read.subcommand else ()) + read.words
    assert len(flags) == len(read.flags)
