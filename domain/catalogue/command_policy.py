"""The command policy: which commands an agent may run, as typed data. Whatever it does not list is refused.

Only what rules need is read; the file says more, for people (why a flag is denied, where a fact was read).
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from aetherius.domain.catalogue.kubectl_line import Flag, Word, read_line

_ONE_LETTER: Final = tuple(f"-{letter}" for letter in string.ascii_letters)

ValueKind = Literal[
    "bool",
    "off",
    "name",
    "namespace",
    "selector",
    "duration",
    "timeout",
    "int",
    "sort_by",
    "output_format",
    "enum",
    "enum_list",
    "kind_slash_name",
    "rfc3339",
]
"""`off` is a switch that may only be off; `timeout` a duration, or a number of seconds."""
Decision = Literal["allow", "allow_subset", "deny", "remediation_only"]


class FlagRule(msgspec.Struct, frozen=True, kw_only=True):
    """Flags that take the same kind of value, by their long names.

    `min` and `max` bound a number, a duration, or how long ago a time is; `needs` names a right that the caller must have.
    """

    names: tuple[str, ...]
    value: ValueKind
    min: int | str | None = None
    max: int | str | None = None
    enum: tuple[str, ...] = ()
    needs: str = ""
    required_for: tuple[str, ...] = ()

    @property
    def is_switch(self) -> bool:
        """Whether it stands alone, its value only behind an equals sign. kubectl reads `--watch false` as true, and `false` as something else."""
        return self.value in ("bool", "off")


class FlagDenial(msgspec.Struct, frozen=True, kw_only=True):
    """Flags that are refused for every verb, and why."""

    names: tuple[str, ...]
    why: str = ""


class VerbRule(msgspec.Struct, frozen=True, kw_only=True):
    """One verb of kubectl. `action` names the typed repair to use instead of a `remediation_only` verb."""

    decision: Decision
    shorthands: dict[str, str] = {}
    flags: tuple[FlagRule, ...] = ()
    flags_deny: tuple[str, ...] = ()
    requires_any: tuple[str, ...] = ()
    types_deny: tuple[str, ...] = ()
    subcommands: dict[str, Decision] | tuple[str, ...] | None = None
    action: str = ""
    why: str = ""


class ExpressionRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which output expressions are let through: they print values without their names, so each path must end in, or lie in, something harmless."""

    last_segment_allow: frozenset[str]
    whole_allow: frozenset[str]
    path_segment_deny: frozenset[str]


class OutputFormats(msgspec.Struct, frozen=True, kw_only=True):
    """Values of `-o`."""

    allow_exact: tuple[str, ...]
    expression_rule: ExpressionRule


class TypeDenial(msgspec.Struct, frozen=True, kw_only=True):
    """Resource types that are refused, and why."""

    types: tuple[str, ...]
    why: str = ""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Resource types by their plural names and groups. A type without its group is one of `shipped` groups, or `known_without_group`."""

    deny: tuple[TypeDenial, ...]
    groups: dict[str, frozenset[str]]
    shipped: frozenset[str]
    known_without_group: frozenset[str]
    short_names: dict[str, str]


class Kubectl(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for kubectl."""

    value_patterns: dict[str, str]
    shorthands: dict[str, str]
    """Long names of one-letter flags, where a verb has no other."""
    global_flags_allow: tuple[FlagRule, ...]
    global_flags_deny: tuple[FlagDenial, ...]
    verbs: dict[str, VerbRule]
    output_formats: OutputFormats
    resources: Resources

    def flags_of(self, verb: str) -> tuple[FlagRule, ...]:
        """The flags that a verb may have."""
        rule = self.verbs.get(verb)
        return (*(rule.flags if rule else ()), *self.global_flags_allow)

    def long_name(self, verb: str, name: str) -> str:
        """A flag's long name, whichever was written."""
        rule = self.verbs.get(verb)
        return (rule.shorthands.get(name) if rule else None) or self.shorthands.get(name, name)

    def read(self, verb: str, words: Sequence[str]) -> list[Word | Flag]:
        """A line in pieces, as kubectl takes it apart for this verb; flags by their long names."""
        switches = {name for flag in self.flags_of(verb) if flag.is_switch for name in flag.names}
        short = {name for name in _ONE_LETTER if self.long_name(verb, name) in switches}
        return [
            msgspec.structs.replace(piece, name=self.long_name(verb, piece.name)) if isinstance(piece, Flag) else piece
            for piece in read_line(words, switches | short)
        ]

    def split(self, verb: str, args: Sequence[str]) -> tuple[list[str], set[str]]:
        """The words of a line that are no flags and no flags' values, and the flags by their long names.

        Refuses nothing: that is the agent's, who reads the line the same way.
        """
        pieces = self.read(verb, args)
        words = [piece.text for piece in pieces if isinstance(piece, Word)]
        return words, {piece.name for piece in pieces if isinstance(piece, Flag)}


class HostTool(msgspec.Struct, frozen=True, kw_only=True):
    """One program of the node: whole command lines, or flags with the values they may take."""

    path: str
    decision: Literal["allow", "deny"] = "allow"
    flags: tuple[str, ...] = ()
    exact_argv: tuple[tuple[str, ...], ...] = ()
    value_patterns: dict[str, str] = {}
    values: dict[str, tuple[str, ...] | int] = {}
    required: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    why: str = ""


class ToolDenial(msgspec.Struct, frozen=True, kw_only=True):
    """Programs that are refused by name, and why."""

    tools: tuple[str, ...]
    why: str = ""


class HostTools(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for programs of the node."""

    allow: dict[str, HostTool]
    deny: tuple[ToolDenial, ...]


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    default: int
    max: int


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """How a command is run."""

    timeout_s: Timeouts
    output_max_bytes: int
    max_argv_items: int
    max_arg_bytes: int
    concurrency_per_cluster: int


class BypassTrick(msgspec.Struct, frozen=True, kw_only=True):
    """A command line that a validator must refuse."""

    id: str
    argv: tuple[str, ...]
    why: str


class CommandPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The whole policy."""

    version: int
    execution: Execution
    shell_metacharacters_reject: frozenset[str]
    kubectl: Kubectl
    host_tools: HostTools
    bypass_tricks: tuple[BypassTrick, ...]
    allow_examples: tuple[tuple[str, ...], ...]


_FILE: Final = "kubectl_policy.json"


@cache
def command_policy() -> CommandPolicy:
    """The policy that comes with the program; read once."""
    return msgspec.json.decode(files("aetherius.domain.catalogue").joinpath(_FILE).read_bytes(), type=CommandPolicy)
