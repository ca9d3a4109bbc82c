"""The command policy at work: an argument list is allowed, or refused with the layer and the rule that refuse it.

Layers, in order: `form` (what the words are made of), `grammar` (verbs and flags, each exactly known), `semantics` (resources and output formats). The
layers `authority` and `run` lie with whoever runs the command. Default is no.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aetherius.domain.catalogue.command_policy import CommandPolicy, command_policy
from aetherius.edge_agent.commanding.host_tools import check_host_tool
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand, parse_kubectl
from aetherius.edge_agent.commanding.kubectl_semantics import check_kubectl
from aetherius.edge_agent.errors import PolicyRefusedError

_EXPRESSION: Final = re.compile(r"(?:-[A-Za-z]*o=?|--output=)?(?:jsonpath|custom-columns)=[^;`&#~]*")
_SELECTOR: Final = re.compile(r"(?:-[A-Za-z]*[lL]=?|--(?:field-)?selector=)?[A-Za-z0-9._/=!,() -]+")
_PATH: Final = re.compile(r"(?:--sort-by=)?[\w.{}\[\]*'\"\\/:@-]+")
_SELECTOR_FLAGS: Final = ("--selector", "--field-selector")


def check(
    argv: Sequence[str], policy: CommandPolicy | None = None, now: datetime | None = None
) -> KubectlCommand | None:
    """Allow an argument list. Returns how kubectl's was read, None for a host tool.

    Args:
        now: what a time in the line is compared with; the clock's, if None.

    Raises:
        PolicyRefusedError: it is not allowed.
    """
    policy = policy or command_policy()
    _check_form(argv, policy)
    tool = argv[0]
    if tool != "kubectl":
        check_host_tool(argv, policy.host_tools)
        return None
    command = parse_kubectl(argv, policy.kubectl, now)
    check_kubectl(command, policy.kubectl)
    return command


def _check_form(argv: Sequence[str], policy: CommandPolicy) -> None:
    if isinstance(argv, str) or not argv:
        raise PolicyRefusedError("form", "a command is a list of words, not a line of text")
    if len(argv) > policy.execution.max_argv_items:
        raise PolicyRefusedError("form", f"more than {policy.execution.max_argv_items} words")
    for position, word in enumerate(argv):
        before = argv[position - 1] if position else ""
        _check_word(word, before, policy)


def _check_word(word: str, before: str, policy: CommandPolicy) -> None:
    if not isinstance(word, str) or not word:
        raise PolicyRefusedError("form", "an empty word")
    if len(word.encode()) > policy.execution.max_arg_bytes:
        raise PolicyRefusedError("form", f"a word of more than {policy.execution.max_arg_bytes} bytes")
    if not word.isascii() or unicodedata.normalize("NFC", word) != word:
        raise PolicyRefusedError("form", f"{word!r} holds letters that are not ASCII")
    if not word.isprintable():
        raise PolicyRefusedError("form", f"{word!r} holds a control character")
    bad = policy.shell_metacharacters_reject & set(word)
    if bad and not _is_excepted(word, before):
        raise PolicyRefusedError("form", f"{word!r} holds {' '.join(sorted(bad))}")


def _is_excepted(word: str, before: str) -> bool:
    """Expressions and selectors use some of the characters; nothing here ever meets a shell, and what a flag may be given is looked at later."""
    if _EXPRESSION.fullmatch(word):
        return True
    if (before.startswith("-") and (before in _SELECTOR_FLAGS or before[-1] in "lL")) or word.startswith(("-", "--")):
        return _SELECTOR.fullmatch(word) is not None or (
            word.startswith("--sort-by=") and _PATH.fullmatch(word) is not None
        )
    return before == "--sort-by" and _PATH.fullmatch(word) is not None
