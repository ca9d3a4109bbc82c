"""Reads a kubectl command line as strictly as possible: every flag exactly known, nothing bundled, glued or abbreviated, no value that looks like a flag.

It is stricter than kubectl on purpose: a line that two readers could read differently is refused, not interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from aetherius.domain.catalogue.command_policy import FlagRule, Kubectl, VerbRule
from aetherius.edge_agent.errors import PolicyRefusedError

_KIND_SLASH_NAME: Final = re.compile(r"[A-Za-z]{1,63}(\.[a-z0-9.-]{1,253})?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DURATION: Final = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONG: Final = {
    "-A": "--all-namespaces",
    "-L": "--label-columns",
    "-c": "--container",
    "-l": "--selector",
    "-n": "--namespace",
    "-o": "--output",
    "-p": "--previous",
    "-q": "--quiet",
}
"""The short names of kubectl's flags: both spellings are one flag, and may be given once."""


class KubectlCommand(msgspec.Struct, frozen=True):
    """A line as it was read. `flags` holds each flag by its long name; a flag without a value has an empty one."""

    verb: str
    rule: VerbRule
    subcommand: str
    words: tuple[str, ...]
    """The rest: resources and names."""
    flags: dict[str, str]

    def flag(self, name: str) -> str | None:
        """The value of a flag, by either of its names; None where it is absent, or said not to hold (`--previous=false`)."""
        return self.flags.get(_LONG.get(name, name))


def parse_kubectl(argv: Sequence[str], rules: Kubectl) -> KubectlCommand:
    """Read a line.

    Raises:
        PolicyRefusedError: an unknown or forbidden verb or flag, or a value that is not of its kind.
    """
    at = _verb_at(argv, rules)
    verb = argv[at]
    rule = rules.verbs.get(verb)
    if rule is None:
        raise _refused(f"{verb} is not a verb of the policy")
    _check_decision(verb, rule.decision, rule)
    words, flags = _split([*argv[1:at], *argv[at + 1 :]], rule, rules)
    subcommand, words = _subcommand(verb, rule, words)
    _check_required(verb, subcommand, rule, flags)
    return KubectlCommand(verb, rule, subcommand, tuple(words), flags)


def _verb_at(argv: Sequence[str], rules: Kubectl) -> int:
    """Where the verb stands: the first word, or the first after flags that every verb takes."""
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        name, equals, _ = argv[at].partition("=")
        found = next((flag for flag in rules.global_flags_allow if name in flag.names), None)
        if found is None:
            raise _refused(f"{name}: only --namespace and --request-timeout may stand before the verb")
        at += 1 if equals else 2
    if at >= len(argv):
        raise _refused("there is no verb")
    return at


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("grammar", rule)


def _check_decision(what: str, decision: str, rule: VerbRule) -> None:
    if decision == "remediation_only":
        use = f"the typed repair {rule.action.replace(',', ' or ')}" if rule.action else "a typed repair"
        raise _refused(f"{what} changes the cluster: use {use}")
    if decision == "deny":
        raise _refused(f"{what} is denied" + (f": {rule.why}" if rule.why else ""))


def _split(words: Sequence[str], rule: VerbRule, rules: Kubectl) -> tuple[list[str], dict[str, str]]:
    plain: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        found = _known(name, rule, rules)
        long = _LONG.get(name, name)
        if long in flags:
            raise _refused(f"{name} is given twice")
        flags[long] = _value(name, found, value if equals else None, rest, rules)
    return plain, {name: value for name, value in flags.items() if value is not _FALSE}


def _known(name: str, rule: VerbRule, rules: Kubectl) -> FlagRule:
    if name in ("--", "-"):
        raise _refused(f"{name!r} has no use here")
    for flag in (*rule.flags, *rules.global_flags_allow):
        if name in flag.names and name not in rule.flags_deny:
            return flag
    if name in rule.flags_deny:
        raise _refused(f"{name} is denied for this verb")
    for denial in rules.global_flags_deny:
        if name in denial.names:
            raise _refused(f"{name} is denied: {denial.why}")
    if not name.startswith("--") and len(name) > 2:
        raise _refused(f"{name}: a short flag stands alone, its value in the next word")
    raise _refused(f"{name} is not a flag of the policy")


_FALSE: Final = "\0"
"""Stands for a flag that is given, and said not to hold."""


def _value(name: str, rule: FlagRule, joined: str | None, rest: Iterable[str], rules: Kubectl) -> str:
    if rule.value == "none":
        if joined not in (None, "true", "false"):
            raise _refused(f"{name} is true or false")
        return _FALSE if joined == "false" else ""
    if rule.value == "bool" and joined is None:
        return "true"
    value = next(iter(rest), None) if joined is None and rule.takes_next_word else joined
    if value is None:
        raise _refused(f"{name} needs a value")
    if value.startswith("-"):
        raise _refused(f"{name}: {value!r} looks like a flag, and a value may not")
    _check_value(name, rule, value, rules)
    return value


def _check_value(name: str, rule: FlagRule, value: str, rules: Kubectl) -> None:
    if not _fits(rule, value, rules):
        raise _refused(f"{name}: {value!r} is not {' or '.join(rule.enum) if rule.enum else f'a {rule.value}'}")
    if rule.max is not None and _size(value) > _size(str(rule.max)):
        raise _refused(f"{name}: {value} is over {rule.max}")
    if rule.min and _size(value) < rule.min:
        raise _refused(f"{name}: {value} is under {rule.min}")


def _fits(rule: FlagRule, value: str, rules: Kubectl) -> bool:
    match rule.value:
        case "enum":
            return value in rule.enum
        case "enum_list":
            return set(value.split(",")) <= set(rule.enum)
        case "bool":
            return value in ("true", "false")
        case "kind_slash_name":
            return _KIND_SLASH_NAME.fullmatch(value) is not None
        case "rfc3339":
            return _is_time(value)
        case "output_format":
            return True  # a matter of semantics
        case kind:
            return re.fullmatch(rules.value_patterns[kind], value) is not None


def _is_time(value: str) -> bool:
    if not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _size(value: str) -> float:
    """A number, the seconds of a duration, or how many seconds ago a time is."""
    if _RFC3339.fullmatch(value):
        return (datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds()
    if value.isdigit():
        return int(value)
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(value))


def _subcommand(verb: str, rule: VerbRule, words: list[str]) -> tuple[str, list[str]]:
    if rule.subcommands is None:
        return "", words
    found = words[0] if words else ""
    if found not in rule.subcommands:
        raise _refused(f"{verb} {found or '(nothing)'} is not in the policy")
    if isinstance(rule.subcommands, dict):
        _check_decision(f"{verb} {found}", rule.subcommands[found], rule)
    return found, words[1:]


def _check_required(verb: str, subcommand: str, rule: VerbRule, flags: dict[str, str]) -> None:
    if rule.requires_any and not set(rule.requires_any) & set(flags):
        raise _refused(f"{verb} needs one of {', '.join(rule.requires_any)}")
    for flag in rule.flags:
        if subcommand in flag.required_for and not set(flag.names) & set(flags):
            raise _refused(f"{verb} {subcommand} needs {flag.names[0]}={'|'.join(flag.enum)}")
