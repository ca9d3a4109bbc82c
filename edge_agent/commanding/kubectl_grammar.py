"""Reads a kubectl command line as strictly as possible: the verb first, every flag exactly known, nothing bundled, glued or abbreviated.

It is stricter than kubectl on purpose: a line that two readers could read differently is refused, not interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from aetherius.domain.catalogue.command_policy import FlagRule, Kubectl, VerbRule
from aetherius.edge_agent.errors import PolicyRefusedError

_KIND_SLASH_NAME: Final = re.compile(r"[A-Za-z]{1,63}/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


class KubectlCommand(msgspec.Struct, frozen=True):
    """A line as it was read. `flags` holds each flag by the first of its names; a flag without a value has an empty one."""

    verb: str
    rule: VerbRule
    subcommand: str
    words: tuple[str, ...]
    """The rest: resources and names."""
    flags: dict[str, str]

    def flag(self, *names: str) -> str | None:
        """The value of a flag by any of its names; None where it is absent."""
        return next((self.flags[name] for name in names if name in self.flags), None)


def parse_kubectl(argv: Sequence[str], rules: Kubectl) -> KubectlCommand:
    """Read a line.

    Raises:
        PolicyRefusedError: an unknown or forbidden verb or flag, or a value that is not of its kind.
    """
    if len(argv) < 2 or argv[1].startswith("-"):
        raise _refused("the verb must be the first word")
    verb = argv[1]
    rule = rules.verbs.get(verb)
    if rule is None:
        raise _refused(f"{verb} is not a verb of the policy")
    _check_decision(verb, rule.decision, rule)
    words, flags = _split(argv[2:], rule, rules)
    subcommand, words = _subcommand(verb, rule, words)
    _check_required(verb, subcommand, rule, flags)
    return KubectlCommand(verb, rule, subcommand, tuple(words), flags)


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
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        found = _known(name, rule, rules)
        first = _canonical(name, found)
        if first in flags:
            raise _refused(f"{name} is given twice")
        flags[first] = _value(name, found, value if equals else None, rest, rules)
    return plain, flags


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


def _canonical(name: str, rule: FlagRule) -> str:
    """`-o` and `--output` are one flag; other rules list several flags of a kind."""
    pair = len(rule.names) == 2 and not rule.names[0].startswith("--")
    return rule.names[0] if pair else name


def _value(name: str, rule: FlagRule, joined: str | None, rest: Iterable[str], rules: Kubectl) -> str:
    if rule.value == "none":
        if joined is not None:
            raise _refused(f"{name} takes no value")
        return ""
    value = next(iter(rest), None) if joined is None and rule.takes_next_word else joined
    if value is None:
        raise _refused(f"{name} needs a value")
    _check_value(name, rule, value, rules)
    return value


def _check_value(name: str, rule: FlagRule, value: str, rules: Kubectl) -> None:
    if not _fits(rule, value, rules):
        raise _refused(f"{name}: {value!r} is not {' or '.join(rule.enum) if rule.enum else f'a {rule.value}'}")
    if rule.max is not None and _size(value) > _size(str(rule.max)):
        raise _refused(f"{name}: {value} is over {rule.max}")


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
            return _RFC3339.fullmatch(value) is not None
        case "output_format":
            return True  # a matter of semantics
        case kind:
            return re.fullmatch(rules.value_patterns[kind], value) is not None


def _size(value: str) -> int:
    """A number, or the seconds of a duration."""
    return int(value[:-1]) * _SECONDS[value[-1]] if value[-1] in _SECONDS else int(value)


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
