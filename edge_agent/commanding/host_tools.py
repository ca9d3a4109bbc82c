"""Programs of the node: whole command lines that are known to be harmless, or flags one by one. No bundles, no prefixes, no other words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aetherius.domain.catalogue.command_policy import HostTool, HostTools
from aetherius.edge_agent.errors import PolicyRefusedError

_FREE_VALUES: Final = {
    ("journalctl", "--since"): r"[-+]?[A-Za-z0-9: .-]{1,40}",
    ("journalctl", "--until"): r"[-+]?[A-Za-z0-9: .-]{1,40}",
    ("journalctl", "-p"): r"[a-z0-9]{1,8}(\.\.[a-z0-9]{1,8})?",
    ("ss", "state"): r"[a-z-]{1,20}",
    ("dig", "-t"): r"A|AAAA|CNAME|SRV|PTR|SOA|NS",
}
"""Values that the policy leaves open: what they may look like."""
_DIG_NAME: Final = re.compile(r"[a-z0-9.-]{1,200}\.(svc|cluster\.local|svc\.cluster\.local)\.?")


def check_host_tool(argv: Sequence[str], rules: HostTools) -> None:
    """Allow a line.

    Raises:
        PolicyRefusedError: the program or one of its words is not allowed.
    """
    tool = rules.allow.get(argv[0])
    if tool is None:
        raise _refused(_why_unknown(argv[0], rules))
    if tool.decision == "deny":
        raise _refused(f"{argv[0]} is denied: {tool.why}")
    if tuple(argv) in tool.exact_argv:
        return
    if not tool.flags:
        raise _refused(
            f"{argv[0]}: only these lines are allowed: {'; '.join(' '.join(line) for line in tool.exact_argv)}"
        )
    _check_flags(argv[0], argv[1:], tool)


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("grammar", rule)


def _why_unknown(name: str, rules: HostTools) -> str:
    why = next((denial.why for denial in rules.deny if name in denial.tools), "")
    return f"{name} is denied: {why}" if why else f"{name!r} is not a program of the policy"


def _check_flags(name: str, words: Sequence[str], tool: HostTool) -> None:
    seen = set()
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name == "dig" and _DIG_NAME.fullmatch(word):
            continue
        if word in tool.deny or flag in tool.deny or not (flag in tool.flags or word in tool.flags):
            raise _refused(f"{name}: {word} is not allowed")
        seen.add(flag)
        if _takes_value(name, flag, tool):
            _check_value(name, flag, value if equals else _next(name, flag, rest), tool)
        elif equals and word not in tool.flags:
            raise _refused(f"{name}: {flag} takes no value")
    for flag in tool.required:
        if flag not in seen:
            raise _refused(f"{name} needs {flag}")


def _next(name: str, flag: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise _refused(f"{name}: {flag} needs a value")
    return value


def _takes_value(name: str, flag: str, tool: HostTool) -> bool:
    return (
        flag in tool.value_patterns
        or flag in tool.values
        or f"{flag}_max" in tool.values
        or (name, flag) in _FREE_VALUES
    )


def _check_value(name: str, flag: str, value: str, tool: HostTool) -> None:
    allowed = tool.values.get(flag)
    most = tool.values.get(f"{flag}_max")
    if isinstance(allowed, tuple):
        fits = value in allowed
    elif isinstance(most, int):
        fits = value.isdigit() and int(value) <= most
    else:
        fits = re.fullmatch(tool.value_patterns.get(flag) or _FREE_VALUES[name, flag], value) is not None
    if not fits:
        raise _refused(f"{name}: {flag} {value!r} is not allowed")
