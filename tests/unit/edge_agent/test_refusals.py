"""What the command policy says of a line, word for word: each rule refuses at its bound, and lets through what lies just within it (`tests/cases/refusals/`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aetherius.domain.catalogue.command_policy import CommandPolicy, FlagDenial, HostTool, command_policy
from aetherius.domain.catalogue.kubectl_line import Flag, Word, read_line
from aetherius.edge_agent.commanding import kubectl_types
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand, parse_kubectl
from aetherius.edge_agent.commanding.kubectl_types import ResourceType, type_of
from aetherius.edge_agent.commanding.kubectl_values import seconds
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.errors import PolicyRefusedError
from listed_cases import cases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = command_policy()


def says(argv: Any, policy: CommandPolicy | None = None) -> str:
    """The refusal; empty where the line is allowed."""
    try:
        check(argv, policy, NOW)
    except PolicyRefusedError as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize("case", cases("refusals"))
def test_a_line_is_refused_in_these_words_or_allowed(case: dict[str, Any]) -> None:
    assert says(case["argv"]) == case["says"]


class TestForm:
    def test_a_line_is_a_list_of_words(self) -> None:
        lines: tuple[Any, ...] = ("kubectl get pods", [], ())
        for line in lines:
            assert says(line) == "form: a command is a list of words, not a line of text"

    def test_it_has_no_more_words_than_may_be(self) -> None:
        most = POLICY.execution.max_argv_items
        line = ["kubectl", "get", "pod", *("web" for _ in range(most - 3))]
        assert says(line) == ""
        assert says([*line, "web"]) == f"form: more than {most} words"

    def test_a_word_has_no_more_bytes_than_may_be(self) -> None:
        most = POLICY.execution.max_arg_bytes
        assert "form" not in says(["kubectl", "get", "p" * most])
        assert says(["kubectl", "get", "p" * (most + 1)]) == f"form: a word of more than {most} bytes"

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("", "an empty word"),
            (7, "an empty word"),
            ("pöds", "'pöds' holds letters that are not ASCII"),
            ("po\x07ds", "'po\\x07ds' holds a control character"),
            ("pods;ls", "'pods;ls' holds ;"),
            ("$(ls)|x", "'$(ls)|x' holds $ |"),
        ],
    )
    def test_a_word_is_made_of_harmless_letters(self, word: object, said: str) -> None:
        assert says(["kubectl", "get", word]) == f"form: {said}"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["-o", "jsonpath={.items[*].metadata.name}"], ""),
            (["-ojsonpath={.items[*].metadata.name}"], ""),
            (["--output=jsonpath={.items[*].metadata.name}"], ""),
            (["-o=jsonpath={.items[*].metadata.name}"], ""),
            (
                ["-o", "jsonpath={.items[*].metadata.name};ls"],
                "'jsonpath={.items[*].metadata.name};ls' holds * ;",
            ),
            (["-l", "app in (web)"], ""),
            (["-lapp in (web)"], ""),
            (["--selector", "app in (web)"], ""),
            (["--selector=app in (web)"], ""),
            (["--field-selector=status.phase!=Running"], ""),
            (["--field-selector", "status.phase!=Running"], ""),
            (["-l", "app=$x"], "'app=$x' holds $"),
            (["-n", "we*b"], "'we*b' holds *"),
            (["--sort-by={.metadata.name}"], ""),
            (["--sort-by", "{.metadata.name}"], ""),
            (["--sort-by", "{.metadata.name};"], "'{.metadata.name};' holds ;"),
            (["--sort-by={.metadata.name};"], "'--sort-by={.metadata.name};' holds ;"),
            (["--namespace=we*b"], "'--namespace=we*b' holds *"),
        ],
    )
    def test_only_expressions_and_selectors_use_more(self, words: list[str], said: str) -> None:
        found = says(["kubectl", "get", "pods", *words])
        assert found == (f"form: {said}" if said else "")


class TestOtherPolicies:
    """What the shipped policy does not have today."""

    def test_a_verb_that_is_denied_without_a_reason_says_only_that(self) -> None:
        verb = msgspec.structs.replace(POLICY.kubectl.verbs["exec"], why="")
        kubectl = msgspec.structs.replace(POLICY.kubectl, verbs={**POLICY.kubectl.verbs, "exec": verb})
        policy = msgspec.structs.replace(POLICY, kubectl=kubectl)
        assert says(["kubectl", "exec", "web-0"], policy) == "grammar: exec is denied"

    def test_a_type_that_is_denied_without_a_reason_says_only_that(self) -> None:
        denials = tuple(msgspec.structs.replace(each, why="") for each in POLICY.kubectl.resources.deny)
        resources = msgspec.structs.replace(POLICY.kubectl.resources, deny=denials)
        policy = msgspec.structs.replace(POLICY, kubectl=msgspec.structs.replace(POLICY.kubectl, resources=resources))
        assert says(["kubectl", "get", "secrets"], policy) == "semantics: secrets are denied"

    def test_a_flag_is_denied_by_the_one_that_names_it(self) -> None:
        denials = (FlagDenial(names=("--a",), why="one"), FlagDenial(names=("--b", "--c"), why="two"))
        policy = msgspec.structs.replace(
            POLICY, kubectl=msgspec.structs.replace(POLICY.kubectl, global_flags_deny=denials)
        )
        assert says(["kubectl", "get", "pods", "--c=1"], policy) == "grammar: --c is denied: two"

    def test_a_program_of_the_node_may_have_values_of_its_own(self) -> None:
        tool = HostTool(
            path="/bin/look",
            flags=("-a", "-n", "--in", "-p", "--plain", "--as=is", "--out", "--both"),
            values={"-a": ("one", "two"), "-n_max": 20, "--out": ("all", "some")},
            value_patterns={"--in": "[a-z]+"},
            required=("-a",),
            deny=("-x", "--out=all", "--both"),
        )
        tools = msgspec.structs.replace(POLICY.host_tools, allow={"look": tool})
        policy = msgspec.structs.replace(POLICY, host_tools=tools)
        for words, said in (
            ("-a one", ""),
            ("-a two -n 20 --in=abc -p", ""),
            ("-a one --in abc", ""),
            ("-a one --as=is --out=some", ""),
            ("-a one --out=all", "look: --out=all is not allowed"),
            ("-a one --both=1", "look: --both=1 is not allowed"),
            ("-a three", "look: -a 'three' is not allowed"),
            ("-a one -n 21", "look: -n '21' is not allowed"),
            ("-a one -n x", "look: -n 'x' is not allowed"),
            ("-a one --in=aB", "look: --in 'aB' is not allowed"),
            ("-a one -x", "look: -x is not allowed"),
            ("-a one --other", "look: --other is not allowed"),
            ("-a one word", "look: word is not allowed"),
            ("-a one --plain=1", "look: --plain takes no value"),
            ("-a", "look: -a needs a value"),
            ("-p", "look needs -a"),
        ):
            assert says(["look", *words.split()], policy) == (f"grammar: {said}" if said else ""), words


def read(line: str) -> KubectlCommand:
    return parse_kubectl(line.split(), POLICY.kubectl, NOW)


def test_a_line_is_written_anew_from_what_was_read_of_it() -> None:
    command = read("kubectl rollout -nshop status deployment/web --watch=f --timeout 30s")
    assert (command.verb, command.subcommand, command.words) == ("rollout", "status", ("deployment/web",))
    assert command.argv() == [
        "rollout",
        "status",
        "deployment/web",
        "--namespace=shop",
        "--watch=false",
        "--timeout=30s",
    ]
    assert (command.namespace, command.all_namespaces) == ("shop", False)
    assert command.flag("--absent", "--timeout") == "30s"
    assert command.flag("--absent") is None
    assert command.within("other").namespace == "other"
    assert read("kubectl get pods -A").all_namespaces
    assert read("kubectl get pods").argv() == ["get", "pods"]


def test_the_words_of_a_line_are_told_apart_as_kubectl_does() -> None:
    booleans = {"-A", "--all"}
    assert read_line(["get", "-Aowide", "-n", "-x", "--all", "--to=a=b", "--by", "c", "-", "--"], booleans) == [
        Word("get"),
        Flag("-A"),
        Flag("-o", "wide"),
        Flag("-n", "-x", apart=True),
        Flag("--all"),
        Flag("--to", "a=b"),
        Flag("--by", "c", apart=True),
        Word("-"),
        Flag("--"),
    ]
    assert read_line(["-A=true", "-o=", "-o=x", "-n"], booleans) == [
        Flag("-A", "true"),
        Flag("-o", "="),
        Flag("-o", "x"),
        Flag("-n", None, apart=True),
    ]
    assert read_line(["--by"], booleans) == [Flag("--by", None, apart=True)]


def test_a_line_is_split_into_words_and_flags_for_who_orders_it() -> None:
    line = ["web-0", "-n", "shop", "--tail=5", "-p", "app"]
    assert POLICY.kubectl.split("logs", line) == (["web-0", "app"], {"--namespace", "--tail", "--previous"})
    assert POLICY.kubectl.split("of a newer version", ["a", "-n", "b"]) == (["a"], {"--namespace"})
    assert POLICY.kubectl.flags_of("of a newer version") == POLICY.kubectl.global_flags_allow
    assert POLICY.kubectl.long_name("logs", "-f") == "--follow"
    assert POLICY.kubectl.long_name("get", "--watch") == "--watch"


@pytest.mark.parametrize(
    ("word", "plural", "group"),
    [
        ("po", "pods", None),
        ("PODS", "pods", None),
        ("pod.", "pods", ""),
        ("deploy.apps", "deployments", "apps"),
        ("deployments.v1.apps", "deployments", "apps"),
        ("deployments.v1beta1.apps", "deployments", "apps"),
        ("deployments.v1x.apps", "deployments", "v1x.apps"),
        ("pods.v1", "pods", "v1"),
        ("pods.v1.", "pods", ""),
        ("networkpolicy", "networkpolicies", None),
        ("ingress", "ingresses", None),
        ("widget", "widget", None),
    ],
)
def test_a_word_means_a_type(word: str, plural: str, group: str | None) -> None:
    kubectl_types._forms.cache_clear()  # made anew, as by a process that starts
    assert type_of(word, POLICY.kubectl.resources) == ResourceType(plural, group)


@pytest.mark.parametrize(
    ("text", "count"),
    [("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("3us", 3e-6), ("7ns", 7e-9), ("2s", 2), ("0", 0)],
)
def test_a_duration_has_so_many_seconds(text: str, count: float) -> None:
    assert seconds(text) == pytest.approx(count)
