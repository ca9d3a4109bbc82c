"""What a kubectl line would show: its resource types and its output format must be on the policy's lists.

Which types those are, `kubectl_types` finds; what an output format prints, `kubectl_paths`.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.catalogue.command_policy import Kubectl, Resources
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand
from aetherius.edge_agent.commanding.kubectl_paths import check_output, check_sort
from aetherius.edge_agent.commanding.kubectl_types import check_type, type_of
from aetherius.edge_agent.errors import PolicyRefusedError

_LOGGED: Final = frozenset({
    "pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "replicationcontrollers", "jobs",
})  # fmt: skip
"""What kubectl finds the pods of by itself."""
_ROLLED_OUT: Final = frozenset({"deployments", "statefulsets", "daemonsets"})
_EXPLAIN: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,62}(\.[a-zA-Z0-9][a-zA-Z0-9-]{0,62}){0,12}")


def check_kubectl(command: KubectlCommand, rules: Kubectl) -> None:
    """Allow what the line would show.

    Raises:
        PolicyRefusedError: a type, name or output format is not allowed.
    """
    _check_flags(command, rules)
    match command.verb:
        case "get" | "describe":
            _check_objects(command, rules)
        case "logs":
            _check_logs(command, rules)
        case "rollout":
            _check_rollout(command, rules)
        case "explain":
            _check_words(command, _EXPLAIN, most=1)
        case "auth":
            _check_words(command, re.compile(r"[a-zA-Z0-9./-]{1,253}"), most=3)
        case "top":
            _check_words(command, re.compile(rules.value_patterns["name"]), most=1)
        case _:
            _check_words(command, re.compile(""), most=0)


def _check_flags(command: KubectlCommand, rules: Kubectl) -> None:
    for flag in command.rule.flags:
        for value in (command.flags[name] for name in flag.names if name in command.flags):
            if flag.value == "output_format":
                check_output(value, rules.output_formats)
            elif flag.value == "sort_by":
                check_sort(value, rules.output_formats.expression_rule)


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
    for word in [each.partition("/")[0] for each in command.words] if "/" in first else first.split(","):
        _check_shown(word, command, rules)
    _check_names(names, rules)


def _check_shown(word: str, command: KubectlCommand, rules: Kubectl) -> None:
    found = type_of(word, rules.resources)
    check_type(found, word, rules.resources)
    if found.plural in command.rule.types_deny:
        raise _refused(f"{command.verb} of {found.plural} is denied: it prints values as text")


def _check_logs(command: KubectlCommand, rules: Kubectl) -> None:
    """`POD`, `TYPE/NAME`, either with a container behind it, or a selector."""
    if "--selector" in command.flags:
        _check_words(command, re.compile(""), most=0)
        return
    if not 1 <= len(command.words) <= 2:
        raise _refused("logs needs one target")
    target, *container = command.words
    if container and "--container" in command.flags:
        raise _refused("logs takes one container")
    _check_target(target, command, rules, _LOGGED)
    _check_names(container, rules)


def _check_rollout(command: KubectlCommand, rules: Kubectl) -> None:
    """`TYPE/NAME`, `TYPE NAME`, or a type and a selector."""
    if len(command.words) == 1 and "--selector" in command.flags:
        _check_one_of(command.words[0], command, rules.resources, _ROLLED_OUT)
        return
    target = "/".join(command.words)
    if target.count("/") != 1:
        raise _refused("rollout needs one target")
    _check_target(target, command, rules, _ROLLED_OUT)


def _check_target(target: str, command: KubectlCommand, rules: Kubectl, types: frozenset[str]) -> None:
    kind, slash, name = target.partition("/")
    if slash:
        _check_one_of(kind, command, rules.resources, types)
    _check_names([name if slash else kind], rules)


def _check_one_of(word: str, command: KubectlCommand, resources: Resources, types: frozenset[str]) -> None:
    found = type_of(word, resources)
    if found.plural not in types:
        raise _refused(f"{command.verb} of {word} is not allowed")
    check_type(found, word, resources)


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
