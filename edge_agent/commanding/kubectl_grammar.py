"""Reads a kubectl command line as kubectl does, and lets through what the policy knows: each verb and flag by its exact name, each value of its kind.

Flags may stand where kubectl takes them, in any of its spellings (`-n x`, `-nx`, `-n=x`, `--namespace x`, `--namespace=x`, `-Aowide`). A line that two
readers could read differently is refused, not interpreted: values that begin with a dash, `--flag true`, the same flag twice, abbreviations, `--`.
What is run in the end is not the line as it came but the line as it was read (`KubectlCommand.argv`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from aetherius.domain.catalogue.command_policy import FlagRule, Kubectl, VerbRule
from aetherius.domain.catalogue.kubectl_line import Flag, Word
from aetherius.edge_agent.commanding.kubectl_values import FALSE, TRUE, check_value
from aetherius.edge_agent.errors import PolicyRefusedError
from aetherius.runtime.clock import utc_now


class KubectlCommand(msgspec.Struct, frozen=True):
    """A line as it was read. `flags` holds each flag by its long name; a switch has `true` or `false`."""

    verb: str
    rule: VerbRule
    subcommand: str
    words: tuple[str, ...]
    """The rest: resources and names."""
    flags: dict[str, str]

    def flag(self, *names: str) -> str | None:
        """The value of a flag by any of its names; None where it is absent."""
        return next((self.flags[name] for name in names if name in self.flags), None)

    @property
    def namespace(self) -> str | None:
        """The namespace that the line names."""
        return self.flags.get("--namespace")

    @property
    def all_namespaces(self) -> bool:
        """Whether the line asks for all of them."""
        return self.flags.get("--all-namespaces") == "true"

    def within(self, namespace: str) -> KubectlCommand:
        """The same command in a namespace."""
        return msgspec.structs.replace(self, flags={**self.flags, "--namespace": namespace})

    def argv(self) -> list[str]:
        """The line to run, without the program: every value behind an equals sign, so that nothing can be taken for something else."""
        parts = [self.verb, self.subcommand] if self.subcommand else [self.verb]
        return [*parts, *self.words, *(f"{name}={value}" for name, value in self.flags.items())]


def parse_kubectl(argv: Sequence[str], rules: Kubectl, now: datetime | None = None) -> KubectlCommand:
    """Read a line.

    Args:
        now: what a time in the line is compared with; the clock's, if None.

    Raises:
        PolicyRefusedError: an unknown or forbidden verb or flag, or a value that is not of its kind.
    """
    verb = _verb(argv, rules)
    rule = rules.verbs.get(verb)
    if rule is None:
        raise _refused(f"{verb} is not a verb of the policy")
    _check_decision(verb, rule.decision, rule)
    pieces = rules.read(verb, argv[1:])
    flags = _flags(pieces, verb, rules, now or utc_now())
    _, *words = [piece.text for piece in pieces if isinstance(piece, Word)]
    subcommand, words = _subcommand(verb, rule, words)
    _check_places(pieces, 2 if subcommand else 1, rules)
    _check_required(verb, subcommand, rule, flags)
    return KubectlCommand(verb, rule, subcommand, tuple(words), flags)


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("grammar", rule)


def _verb(argv: Sequence[str], rules: Kubectl) -> str:
    """The first word that is no flag and no flag's value. Before it kubectl knows no switches: it takes the next word for the value of any flag."""
    for piece in rules.read("", argv[1:]):
        if isinstance(piece, Word):
            return piece.text
    raise _refused("there is no verb")


def _check_decision(what: str, decision: str, rule: VerbRule) -> None:
    if decision == "remediation_only":
        use = f"the typed repair {rule.action.replace(',', ' or ')}" if rule.action else "a typed repair"
        raise _refused(f"{what} changes the cluster: use {use}")
    if decision == "deny":
        raise _refused(f"{what} is denied" + (f": {rule.why}" if rule.why else ""))


def _flags(pieces: Sequence[Word | Flag], verb: str, rules: Kubectl, now: datetime) -> dict[str, str]:
    flags: dict[str, str] = {}
    for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
        if isinstance(piece, Word):
            if piece.text == "-":
                raise _refused("'-' has no use here")
            continue
        found = _known(piece.name, verb, rules)
        if piece.name in flags:
            raise _refused(f"{piece.name} is given twice")
        flags[piece.name] = check_value(piece.name, found, _given(piece, found, after), rules, now)
    return flags


def _known(name: str, verb: str, rules: Kubectl) -> FlagRule:
    if name == "--":
        raise _refused("'--' has no use here")
    if name in rules.verbs[verb].flags_deny:
        raise _refused(f"{name} is denied for this verb")
    for flag in rules.flags_of(verb):
        if name in flag.names:
            return flag
    for denial in rules.global_flags_deny:
        if name in denial.names:
            raise _refused(f"{name} is denied: {denial.why}")
    raise _refused(f"{name} is not a flag of the policy")


def _given(flag: Flag, rule: FlagRule, after: Word | Flag | None) -> str:
    if rule.is_switch and flag.value is None:
        if isinstance(after, Word) and after.text in TRUE | FALSE:
            raise _refused(f"{flag.name} {after.text}: a switch takes its value behind an equals sign")
        return "true"
    if not flag.value:
        raise _refused(f"{flag.name} needs a value")
    return flag.value


def _check_places(pieces: Sequence[Word | Flag], commands: int, rules: Kubectl) -> None:
    """Before a verb or its subcommand kubectl reads flags that belong to neither in a way of its own."""
    everywhere = {name for flag in rules.global_flags_allow for name in flag.names}
    for piece in pieces:
        if isinstance(piece, Word):
            commands -= 1
        elif commands > 0 and piece.name not in everywhere:
            raise _refused(f"{piece.name} must stand behind the verb")


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
    if {"--since", "--since-time"} <= set(flags):
        raise _refused("--since and --since-time do not go together")
    for flag in rule.flags:
        if subcommand in flag.required_for and not set(flag.names) & set(flags):
            raise _refused(f"{verb} {subcommand} needs {flag.names[0]}=false")
