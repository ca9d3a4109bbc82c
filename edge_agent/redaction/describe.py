"""Takes secrets out of what `kubectl describe` and `kubectl rollout history` print: lines with labels, of which some hold values that must not leave.

A block of variables or arguments ends at the next label that kubectl itself prints at its place, never at a blank line or at a line that happens to stand
further left: values have such lines. What follows a hidden value and has no label of its own is a part of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from aetherius.edge_agent.redaction.clean import clean
from aetherius.edge_agent.redaction.marks import hashed
from aetherius.edge_agent.redaction.names import Telling, names_a_secret, telling
from aetherius.edge_agent.redaction.structure import SAFE_ATTRIBUTES, SAFE_ENV, mask_option
from aetherius.edge_agent.redaction.text import mask_text

_HEAD: Final = re.compile(r"([ \t]{0,64})([A-Z][\w /()-]{0,60}):(?:[ \t]|$)[ \t]*")
"""A label of kubectl's own: it begins with a capital."""
_BLOCKS: Final = frozenset({
    "Environment", "Args", "Command", "Commands", "Annotations", "Data", "String Data", "Binary Data", "Script", "Http Headers", "Headers",
    "Volume Attributes", "VolumeAttributes", "Options", "Mount Options", "MountOptions", "User Data",
})  # fmt: skip
_AFTER_BLOCK: Final = frozenset({
    "Mounts", "Args", "Command", "State", "Last State", "Ready", "Restart Count", "Limits", "Requests", "Liveness", "Readiness", "Startup",
    "Environment", "Environment Variables from", "Devices", "Port", "Ports", "Host Port", "Host Ports", "Image ID", "Container ID",
    "SeccompProfile", "Optional",
})  # fmt: skip
"""What kubectl prints beside the blocks of a container, at the same depth."""
_ENV_ENDS: Final = frozenset({"Mounts", "Devices"})
_CONTAINERS: Final = re.compile(r"[ \t]{0,8}(?:Init |Ephemeral )?Containers:")
_CONTAINER: Final = re.compile(r"[ \t]{1,8}[a-z0-9][a-z0-9-]{0,62}:[ \t]*")
"""The name of a container, as kubectl prints those of pods and of what has a template of pods."""
_LONGEST_LABEL: Final = 64
_RULER: Final = re.compile(r"={3,8}")
_NAMES_ONLY: Final = frozenset(
    {"Mountable secrets", "Image pull secrets", "Tokens", "Secret Name", "SecretName", "Secret", "Token Secret Name"}
)
"""Labels that sound of secrets, and behind which kubectl prints names."""
_SAFE_ANNOTATIONS: Final = re.compile(
    r"deployment\.kubernetes\.io/(?:revision|desired-replicas|max-replicas)|deprecated\.daemonset\.template\.generation"
    r"|kubectl\.kubernetes\.io/(?:restartedAt|default-container)|kubernetes\.io/(?:config\.source|config\.seen|ingress\.class)|pv\.kubernetes\.io/[\w-]+"
    r"|volume\.(?:beta\.)?kubernetes\.io/[\w-]+|cluster-autoscaler\.kubernetes\.io/safe-to-evict|node\.alpha\.kubernetes\.io/ttl"
    r"|volumes\.kubernetes\.io/[\w-]+|leader|batch\.kubernetes\.io/[\w-]+|autoscaling\.alpha\.kubernetes\.io/conditions"
)


def mask_description(text: str) -> str:
    """A description without the values that must not leave, and without what looks like a secret in the rest of it."""
    return mask_text("\n".join(_Reader().read(clean(text).split("\n"))))


@lru_cache(maxsize=1024)
def _tells(label: str) -> bool:
    """Whether the value of a label is a secret."""
    return label not in _NAMES_ONLY and (label == "Value" or telling(label.replace(" ", "_")) > Telling.PERHAPS)


def _is_quiet(line: str) -> bool:
    """Whether a line outside of all blocks can hold nothing that its label tells of; most are so."""
    colon = line.find(":")
    if colon < 0:
        return line[:1] != "="
    return colon <= _LONGEST_LABEL and _is_quiet_label(line[:colon]) and "exec [" not in line


@lru_cache(maxsize=1024)
def _is_quiet_label(label: str) -> bool:
    label = label.strip()
    return label not in _BLOCKS and not label.endswith("ontainers") and not _tells(label)


class _Reader:
    """Goes through the lines once, and knows in which block it stands."""

    def __init__(self) -> None:
        self._block, self._indent = "", -1
        self._hiding = False
        """Whether the last value was hidden, so that lines without a label belong to it."""
        self._probe = False
        """Whether a probe's command goes on in the next line."""
        self._of_pod = False
        """Whether this is a container of a pod, of which kubectl prints the labels in one order: values cannot end a block by a label of their own."""
        self._before = ""

    def read(self, lines: list[str]) -> list[str]:
        """The lines, with what must not leave replaced."""
        return [self._line(line) for line in lines]

    def _line(self, line: str) -> str:
        if self._probe:
            return self._rest_of_probe(line)
        if not (self._block or self._hiding or self._before.endswith("ontainers:")) and _is_quiet(line):
            self._before = line
            return line
        head = _HEAD.match(line)
        self._look_around(line)
        if self._block and not self._ends_block(head, line):
            return self._in_block(line)
        self._block = ""
        if not head:
            return self._continued(line)
        return self._labelled(head, line)

    def _look_around(self, line: str) -> None:
        """Notice where containers of pods and the keys of a config map begin."""
        if self._block:
            self._before = ""
        elif self._before.endswith("ontainers:") and _CONTAINERS.fullmatch(self._before) and _CONTAINER.fullmatch(line):
            self._of_pod = True
        elif self._before in ("Data", "BinaryData") and _RULER.fullmatch(line):
            self._block, self._indent = "Keys", 0
        self._before = line

    def _ends_block(self, head: re.Match[str] | None, line: str) -> bool:
        if not head:
            return False
        depth, label, value = len(head[1].expandtabs()), head[2], line[head.end() :]
        if self._block == "Keys":
            return depth == 0 and label == "Events"
        if self._block in ("Environment", "Args", "Command") and self._of_pod:
            return depth == self._indent and self._ends_block_of_pod(
                label, value, padded="\t" in line[head.end(2) : head.end()] or head.end() - head.end(2) > 2
            )
        if self._block == "Environment":
            return (depth == self._indent and label in _ENV_ENDS) or (depth < self._indent and label in _SECTIONS)
        if depth < self._indent and depth == 0 and self._block in ("Args", "Command"):
            return label in _TOP and value.strip() in ("", "<none>")
        if depth == self._indent > 0 and self._block in ("Args", "Command"):
            return label in _AFTER_BLOCK or not self._of_pod
        return depth <= self._indent

    def _ends_block_of_pod(self, label: str, value: str, *, padded: bool) -> bool:
        if self._block == "Environment":
            return label in _ENV_ENDS and value.strip() in ("", "<none>")
        return label in _AFTER_BLOCK and (padded or not value.strip())

    def _labelled(self, head: re.Match[str], line: str) -> str:
        label, value = head[2], line[head.end() :]
        if label in _BLOCKS:
            self._block, self._indent = label, len(head[1].expandtabs())
            return line[: head.end()] + self._in_block(value) if value else line
        if value.startswith("exec ["):
            return line[: head.end()] + self._probe_line(value)
        if self._is_secret(label, value):
            self._hiding = True
            return line[: head.end()] + hashed(value)
        self._hiding = False
        return line

    def _is_secret(self, label: str, value: str) -> bool:
        if not _tells(label) or not value or value.startswith("<") or value in ("true", "false"):
            return False
        return not (label.endswith(" Secret") and names_a_secret(label.replace(" ", "_"), value))

    def _continued(self, line: str) -> str:
        """A line without a label: of a table or a list, or of the value before it."""
        if self._hiding and line.strip():
            return _mask_whole(line)
        return line

    def _probe_line(self, value: str) -> str:
        stop = value.rfind("] delay=")
        if stop < 0 and value.endswith("]"):
            stop = len(value) - 1
        self._probe = stop < 0
        inside = value[len("exec [") : stop if stop >= 0 else len(value)]
        return f"exec [{hashed(inside)}" + (value[stop:] if stop >= 0 else "")

    def _rest_of_probe(self, line: str) -> str:
        stop = line.rfind("] delay=")
        if stop < 0:
            return _mask_whole(line) if line.strip() else line
        self._probe = False
        return hashed(line[:stop]) + line[stop:]

    def _in_block(self, line: str) -> str:
        if not line.strip() or line.strip() in ("<none>", "<unset>"):
            return line
        if self._block in ("Mount Options", "MountOptions"):
            return _mask_options(line)
        if self._block in ("Args", "Command", "Commands", "Script", "User Data"):
            return _mask_whole(line)
        if self._block == "Keys":
            return line if _OF_KEYS.fullmatch(line) else _mask_key(line)
        return self._named(line)

    def _named(self, line: str) -> str:
        """Names stay, values go; references to config maps and secrets are names."""
        space, text = _split_indent(line)
        name, sign, rest = _name_and_rest(text)
        if not sign or (self._hiding and not space):
            return space + hashed(text)  # a further line of the value before
        value = rest.strip()
        self._hiding = False
        if not value or value.startswith("<set to ") or self._is_safe(name):
            return line
        self._hiding = True
        return f"{space}{name}{sign}  {hashed(value)}" if sign == ":" else f"{space}{name}{sign}{hashed(value)}"

    def _is_safe(self, name: str) -> bool:
        match self._block:
            case "Environment":
                return SAFE_ENV.fullmatch(name) is not None
            case "Annotations":
                return _SAFE_ANNOTATIONS.fullmatch(name) is not None
            case "VolumeAttributes" | "Volume Attributes" | "Options":
                return SAFE_ATTRIBUTES.fullmatch(name) is not None
            case "Http Headers" | "Headers":
                return name == "Name"
            case _:
                return False


_OF_KEYS: Final = re.compile(r"[\w.-]{1,253}:(?:[ \t]+\d{1,9} bytes)?[ \t]*|[-=]{3,8}|BinaryData")
"""What kubectl prints around the values of a config map or a secret: a name, a length, a line below."""
_TOP: Final = frozenset({"Status", "Spec", "Events", "Metadata", "Conditions", "Volumes"})
_SECTIONS: Final = frozenset({
    "Conditions", "Volumes", "Events", "QoS Class", "Node-Selectors", "Tolerations", "Containers", "Init Containers", "Ephemeral Containers",
    "Service Account", "Topology Spread Constraints", "Priority Class Name", "Selector", "Replicas", "Pods Status",
})  # fmt: skip
"""What follows a container at a smaller depth."""
_NAME: Final = re.compile(r"[\w./-]{1,253}")


def _name_and_rest(text: str) -> tuple[str, str, str]:
    name = _NAME.match(text)
    sign = text[name.end() : name.end() + 1] if name else ""
    if name is None or sign not in (":", "="):
        return "", "", text
    return name[0], sign, text[name.end() + 1 :]


def _split_indent(line: str) -> tuple[str, str]:
    text = line.lstrip()
    return line[: len(line) - len(text)], text


def _mask_key(line: str) -> str:
    name, sign, value = _name_and_rest(line)
    return f"{name}{sign}  {hashed(value.strip())}" if sign == ":" else _mask_whole(line)


def _mask_whole(line: str) -> str:
    space, text = _split_indent(line)
    return space + hashed(text)


def _mask_options(line: str) -> str:
    space, text = _split_indent(line)
    return space + ",".join(mask_option(option) for option in text.strip("[]").split(","))
