"""The command policy: every trick in its catalogue is refused, every example is allowed, and what lies between is decided by rule."""

from __future__ import annotations

import pytest

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.errors import PolicyRefusedError

POLICY = command_policy()


@pytest.mark.parametrize("trick", POLICY.bypass_tricks, ids=lambda trick: trick.id)
def test_a_known_trick_is_refused_with_layer_and_rule(trick) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PolicyRefusedError) as refusal:
        check(trick.argv)
    assert refusal.value.layer in ("form", "grammar", "semantics")
    assert refusal.value.rule


@pytest.mark.parametrize("argv", POLICY.allow_examples, ids=" ".join)
def test_an_example_is_allowed(argv: tuple[str, ...]) -> None:
    check(argv)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl logs --tail=100 --previous pod/web-0 -n shop",
        "kubectl describe pod/web-0 -n shop",
        "kubectl describe node/worker-1",
        "kubectl get deployment/web -n shop -o json",
        "kubectl get rs -n shop -l app=web",
        "kubectl get deployments.apps -n shop",
        "kubectl rollout history deployment web -n shop",
        "kubectl events -n shop --for pod/web-0 --types=Warning",
        "dig +short kubernetes.default.svc.cluster.local",
    ],
)
def test_what_workflows_ask_for_is_allowed(line: str) -> None:
    check(line.split())


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("kubectl delete pod web-0", "grammar: delete changes the cluster: use the typed repair RestartPod"),
        ("kubectl get pods --sort_by=.x", "grammar: --sort_by is not a flag of the policy"),
        ("kubectl get pods -o json -o yaml", "grammar: --output is given twice"),
        ("kubectl get pods -o json --output yaml", "grammar: --output is given twice"),
        ("kubectl get pods --outp json", "grammar: --outp is not a flag of the policy"),
        ("kubectl logs web-0 --tail=6000", "grammar: --tail: 6000 is over 5000"),
        ("kubectl logs web-0 --since=48h", "grammar: --since: 48h is over 24h"),
        ("kubectl get pods --no-headers=maybe", "grammar: --no-headers: 'maybe' is neither true nor false"),
        (
            "kubectl rollout status deployment/web --watch false",
            "grammar: --watch false: a switch takes its value behind an equals sign",
        ),
        ("kubectl logs secret/db --tail=1", "semantics: logs of secret is not allowed"),
        ("kubectl get cm,sec -o json", "semantics: sec is not a resource type of the policy"),
        (
            "kubectl get pods.evil.example.com",
            "semantics: 'pods.evil.example.com': the group 'evil.example.com' is not listed",
        ),
        ("kubectl get pod/a secret/b", "semantics: secrets are denied"),
        ("kubectl get pod web-0 secret/b", "semantics: TYPE NAME and TYPE/NAME do not mix"),
        ("kubectl get", "semantics: get needs a resource type"),
        ("kubectl get pods -o jsonpath-file=x", "semantics: output format 'jsonpath-file=x' is not allowed"),
        ("kubectl get cm -o jsonpath={.items[0].data.name}", "semantics: output: the field data is denied"),
        ("curl http://169.254.169.254/", "grammar: curl is denied"),
        ("crontab -l", "grammar: 'crontab' is not a program of the policy"),
        ("journalctl -u sshd -n 10 --no-pager", "grammar: journalctl: -u 'sshd' is not allowed"),
        ("journalctl -u kubelet -n 99999 --no-pager", "grammar: journalctl: -n '99999' is not allowed"),
        ("dig evil.example.com", "grammar: dig: evil.example.com is not allowed"),
    ],
)
def test_a_refusal_names_layer_and_rule(line: str, rule: str) -> None:
    with pytest.raises(PolicyRefusedError) as refusal:
        check(line.split())
    assert str(refusal.value).startswith(rule)


@pytest.mark.parametrize(
    "argv", [["kubectl", "get", "pods"] * 14, ["kubectl", "get", "p" * 600], [], ["kubectl", "get", ""]]
)
def test_a_line_out_of_all_proportion_is_refused(argv: list[str]) -> None:
    with pytest.raises(PolicyRefusedError, match="form"):
        check(argv)


@pytest.mark.parametrize("kind", ["secret", "SECRET", "secrets.v1", "Secrets.v1.", "secret.v1.core", "secretses"])
def test_no_spelling_of_secrets_gets_through(kind: str) -> None:
    with pytest.raises(PolicyRefusedError, match="semantics"):
        check(["kubectl", "get", kind, "-o", "yaml"])
