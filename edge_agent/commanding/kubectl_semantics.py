"""What a kubectl line would show: its resource types and its output format must be on the policy's lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from aetherius.domain.catalogue.command_policy import Kubectl
from aetherius.edge_agent.commanding.kubectl_expressions import check_output, check_sort
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand
from aetherius.edge_agent.commanding.kubectl_types import check_type, plural_of
from aetherius.edge_agent.errors import PolicyRefusedError

_BOUND_TYPES: Final = {"get", "describe"}
_LOGGED: Final = frozenset(
    {"pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "replicationcontrollers"}
)
"""Types whose pods' logs kubectl finds."""
_EXPLAIN: Final = re.compile(r"[a-zA-Z]{1,63}(\.[a-zA-Z]{1,63}){0,12}")


def check_kubectl(command: KubectlCommand, rules: Kubectl) -> None:
    """Allow what the line would show.

    Raises:
        PolicyRefusedError: a type, name or output format is not allowed.
    """
    output = command.flag("-o")
    if output is not None and any("-o" in flag.names and flag.value == "output_format" for flag in command.rule.flags):
        check_output(output, rules.output_formats)
    sort = command.flag("--sort-by")
    if sort is not None and command.verb == "get":
        check_sort(sort, rules.output_formats.expression_rule)
    if command.flag("-A") is not None and command.flag("-n") is not None:
        raise _refused("all namespaces, and one of them")
    match command.verb:
        case "get" | "describe":
            _check_objects(command, rules)
        case "logs":
            _check_logs(command, rules)
        case "rollout":
            _check_targets(command.words, command, rules, {"deployments", "statefulsets", "daemonsets"}, typed=True)
        case "explain":
            _check_words(command, _EXPLAIN, most=1)
        case "auth":
            _check_words(command, re.compile(r"[a-zA-Z0-9./-]{1,253}"), most=3)
        case "top":
            _check_words(command, re.compile(rules.value_patterns["name"]), most=1)
        case _:
            _check_words(command, re.compile(""), most=0)


def types_of(command: KubectlCommand) -> tuple[str, ...]:
    """The plural names of the types that the line is about; events and logs count as types of their own."""
    if command.verb in ("events", "logs"):
        return (command.verb,)
    if command.verb not in _BOUND_TYPES or not command.words:
        return ()
    return tuple(plural_of(word) for word in _types_in(command.words))


def _types_in(words: tuple[str, ...]) -> list[str]:
    """The types as they are written."""
    if "/" in words[0]:
        return [word.partition("/")[0] for word in words]
    return words[0].split(",")


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("semantics", rule)


def _check_objects(command: KubectlCommand, rules: Kubectl) -> None:
    if not command.words:
        raise _refused(f"{command.verb} needs a resource type")
    first, *names = command.words
    if "/" in first:
        names = [_name_of(word) for word in command.words]
    elif any("/" in name for name in names):
        raise _refused("TYPE NAME and TYPE/NAME do not mix")
    for word in _types_in(command.words):
        plural = check_type(word, rules.resources)
        if plural in command.rule.types_deny:
            raise _refused(f"{command.verb} of {plural} is denied: it prints values as text")
    _check_names(names, rules)


def _check_logs(command: KubectlCommand, rules: Kubectl) -> None:
    """One target, and perhaps the container after it, as a word or by its flag."""
    words = command.words
    if len(words) == 2:
        if command.flag("-c") is not None:
            raise _refused("the container is named twice")
        _check_names([words[1]], rules)
        words = words[:1]
    _check_targets(words, command, rules, _LOGGED)


def _check_targets(
    given: Sequence[str], command: KubectlCommand, rules: Kubectl, types: Collection[str], *, typed: bool = False
) -> None:
    """One target: a NAME, a TYPE/NAME, or TYPE NAME; or a selector."""
    words = list(given)
    if not words and command.flag("-l") is not None and not typed:
        return
    if len(words) == 2 and typed:
        words = [f"{words[0]}/{words[1]}"]
    if len(words) != 1 or (typed and "/" not in words[0]):
        raise _refused(f"{command.verb} needs one target")
    kind, slash, name = words[0].partition("/")
    if slash and plural_of(kind) not in types:
        raise _refused(f"{command.verb} of {kind} is not allowed")
    _check_names([name if slash else kind], rules)


def _check_words(command: KubectlCommand, pattern: re.Pattern[str], most: int) -> None:
    if len(command.words) > most:
        raise _refused(f"{command.verb} {command.subcommand} takes at most {most} words".replace("  ", " "))
    for word in command.words:
        if not pattern.fullmatch(word):
            raise _refused(f"{word!r} is not a name")


def _name_of(word: str) -> str:
    kind, slash, name = word.partition("/")
    if not slash or "," in kind:
        raise _refused("TYPE NAME and TYPE/NAME do not mix")
    return name


def _check_names(names: list[str], rules: Kubectl) -> None:
    for name in names:
        if not re.fullmatch(rules.value_patterns["name"], name):
            raise _refused(f"{name!r} is not the name of an object")
