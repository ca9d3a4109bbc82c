"""Secrets in what `kubectl describe` and `kubectl rollout history` print: the values of some blocks go, whatever they look like; names and the rest stay.

A value may have line breaks, blank lines and lines that begin at the margin: a block ends only at a heading that kubectl itself prints, no deeper than its own.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.mark import MARK, hashed
from aetherius.edge_agent.redaction.names import SAFE_ENV
from aetherius.edge_agent.redaction.text import mask_text

_HEAD: Final = re.compile(
    r"(\s*)(Environment|Env|Args|Command|Annotations|VolumeAttributes|Volume Attributes|Mount Options|Http Headers|Data|String Data|Values|User Data):(.*)"
)
_ENTRY: Final = re.compile(r"(\s*)([^\s:=][^:=]{0,252}?)([:=])(\s*)(.*)")
_LABEL: Final = re.compile(r"(\s*)([A-Z][A-Za-z/ -]{1,40}):(?:\s.*)?")
_VALUE: Final = re.compile(r"(\s*+(?:- )?Value:\s++)(.+)")
_HEADINGS: Final = frozenset(
    """Mounts|Conditions|Volumes|Environment|Environment Variables from|Args|Command|Liveness|Readiness|Startup|Limits|Requests|Ports|Port|Host Port|Host Ports|State|Last State
    |Ready|Restart Count|Image|Image ID|Container ID|Status|Node|Node-Selectors|Tolerations|Events|QoS Class|Containers|Init Containers|Ephemeral Containers|Labels|Selector
    |Topology Spread Constraints|Service Account|Priority|Priority Class Name|Start Time|IP|IPs|Controlled By|Name|Namespace|Replicas|StrategyType|MinReadySeconds|Pod Template
    |RollingUpdateStrategy|OldReplicaSets|NewReplicaSet|Volume Mounts|API Version|Kind|Metadata|Spec|Resources|Liveness Probe|Readiness Probe|Startup Probe|Security Context|Image Pull Policy
    |Termination Message Path|Termination Message Policy|Env From|Node Selector|Restart Policy|Dns Policy|Service Account Name|Pods Status|Update Strategy|Desired Number of Nodes Scheduled
    |Parallelism|Completions|Completion Mode|Backoff Limit|Suspend|Reclaim Policy|Access Modes|VolumeMode|Capacity|Node Affinity|Message|Source|Claim|StorageClass|Finalizers|Roles
    |CreationTimestamp|Taints|Unschedulable|Lease|Addresses|Allocatable|System Info|PodCIDR|PodCIDRs|ProviderID|Non-terminated Pods|Allocated resources|Revision|Runtime Class Name
    |Security|SeccompProfile|Type|ClusterIP|Endpoints|Session Affinity|Default backend|Rules|Ingress Class|Address|TLS|Reason|Deletion Grace Period Seconds|Provisioner|Parameters""".replace(
        "\n", ""
    )
    .replace("    |", "|")
    .split("|")
)
_MANY_LINES: Final = frozenset({"Args", "Command", "Mount Options"})
"""Blocks of which every line is a value."""
_PROBE: Final = "exec ["
_PROBE_END: Final = "] delay="


def mask_description(text: str) -> str:
    """The text with the values of its blocks of variables, arguments, annotations and attributes hidden, and the commands of its probes."""
    lines: list[str] = []
    block: _Block | None = None
    for line in _without_probes(text).split("\n"):
        if head := _HEAD.fullmatch(line):
            block = _Block(head[2], len(head[1]))
            lines.append(f"{head[1]}{head[2]}:{block.masked(head[3])}")
        elif block is not None and not block.ends_at(line):
            lines.append(block.masked(line))
        else:
            block = None
            lines.append(_without_value(line))
    return mask_text("\n".join(lines))


def _without_value(line: str) -> str:
    """The value of a pair of name and value, wherever it stands."""
    value = _VALUE.fullmatch(line)
    return line if value is None else value[1] + hashed(value[2])


def _without_probes(text: str) -> str:
    """The commands of probes, which may have line breaks, masked."""
    parts, at = list[str](), 0
    while (begin := text.find(_PROBE, at)) >= 0:
        begin += len(_PROBE)
        end = text.find(_PROBE_END, begin)
        if end < 0:
            return "".join((*parts, text[at:begin], hashed(text[begin:])))
        parts += [text[at:begin], hashed(text[begin:end])]
        at = end
    return "".join((*parts, text[at:]))


class _Block:
    """The lines under a heading whose values are hidden."""

    def __init__(self, name: str, indent: int) -> None:
        self._name, self._indent = name, indent

    def ends_at(self, line: str) -> bool:
        """Whether a line is a heading that kubectl prints after the block. What is not one may be the next line of a value."""
        label = _LABEL.fullmatch(line)
        if label is None or len(label[1]) > self._indent:
            return self._is_container(line)
        return label[2] in _HEADINGS

    def _is_container(self, line: str) -> bool:
        """A container's name, less deep than the block, on a line of its own."""
        stripped = line.lstrip()
        depth = len(line) - len(stripped)
        return 0 < depth < self._indent and re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:", stripped) is not None

    def masked(self, line: str) -> str:
        """Names stay, values go; references to config maps and secrets are names."""
        value = line.strip()
        if value in ("", "<none>") or value.startswith(MARK):
            return line
        space = line[: len(line) - len(line.lstrip())]
        entry = None if self._name in _MANY_LINES else _ENTRY.fullmatch(line)
        if entry is None:
            return space + hashed(value)
        return self._masked_entry(line, entry)

    def _masked_entry(self, line: str, entry: re.Match[str]) -> str:
        name, rest = entry[2], entry[5].strip()
        if not rest or rest.startswith(("<set to ", MARK)):
            return line
        if SAFE_ENV.fullmatch(name) and self._name in ("Environment", "Annotations"):
            return line
        if self._name in ("Env", "Http Headers") and name in (
            "Name",
            "Key",
            "Optional",
            "Field Path",
            "API Version",
            "Resource",
            "Divisor",
            "Container Name",
        ):
            return line
        return f"{entry[1]}{name}{entry[3]}{entry[4] or ('' if entry[3] == '=' else '  ')}{hashed(rest)}"
