"""The command policy: which commands an agent may run, as typed data. Whatever it does not list is refused.

Only what rules need is read; the file says more, for people (why a flag is denied, where a fact was read).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

ValueKind = Literal[
    "none",
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
    "bool",
]
Decision = Literal["allow", "allow_subset", "deny", "remediation_only"]


class FlagRule(msgspec.Struct, frozen=True, kw_only=True):
    """Flags that take the same kind of value. `min` and `max` bound a number, a duration (`min` in seconds), or how long ago a time is; `needs` names a right that
    the caller must have."""

    names: tuple[str, ...]
    value: ValueKind
    min: int = 0
    max: int | str | None = None
    enum: tuple[str, ...] = ()
    needs: str = ""
    required_for: tuple[str, ...] = ()

    @property
    def takes_next_word(self) -> bool:
        """Whether its value may be the next word. kubectl reads `--watch false` as true, and `false` as something else."""
        return self.value not in ("none", "bool") and self.enum != ("false",)


class FlagDenial(msgspec.Struct, frozen=True, kw_only=True):
    """Flags that are refused for every verb, and why."""

    names: tuple[str, ...]
    why: str = ""


class VerbRule(msgspec.Struct, frozen=True, kw_only=True):
    """One verb of kubectl. `action` names the typed repair to use instead of a `remediation_only` verb."""

    decision: Decision
    flags: tuple[FlagRule, ...] = ()
    flags_deny: tuple[str, ...] = ()
    requires_any: tuple[str, ...] = ()
    types_deny: tuple[str, ...] = ()
    subcommands: dict[str, Decision] | tuple[str, ...] | None = None
    action: str = ""
    why: str = ""


class ExpressionRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which output expressions are let through: they print unredacted text, so they must end in a harmless field."""

    columns: str
    """What the name of a column is made of."""
    path: str
    """A plain path to fields; an index, `[*]`, or a choice by a field that names things."""
    last_segment_allow: frozenset[str]
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
    """Resource types by their plural names."""

    deny: tuple[TypeDenial, ...]
    allow: frozenset[str]
    """Kubernetes' own, by their plural names."""
    custom: frozenset[str]
    """Of others, by plural name and group: a plural alone could be anybody's."""


class Kubectl(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for kubectl."""

    value_patterns: dict[str, str]
    global_flags_allow: tuple[FlagRule, ...]
    global_flags_deny: tuple[FlagDenial, ...]
    verbs: dict[str, VerbRule]
    output_formats: OutputFormats
    resources: Resources

    def split(self, verb: str, args: Sequence[str]) -> tuple[list[str], set[str]]:
        """The words of a line that are no flags and no flags' values, and the flags. Refuses nothing: that is the agent's, who reads the line the same way."""
        rule = self.verbs.get(verb)
        known = (*(rule.flags if rule else ()), *self.global_flags_allow)
        with_value = {name for flag in known if flag.takes_next_word for name in flag.names}
        words, flags = list[str](), set[str]()
        rest = iter(args)
        for word in rest:
            if word.startswith("-"):
                flags.add(word.partition("=")[0])
                if word in with_value:
                    next(rest, None)
            else:
                words.append(word)
        return words, flags


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
