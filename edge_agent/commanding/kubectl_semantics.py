"""What a kubectl line would show: its resource types and its output format must be on the policy's lists.

Types are brought to their plural names first, as the server would: lower case, without version and group, short and singular names spelled out.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.catalogue.command_policy import ExpressionRule, Kubectl
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand
from aetherius.edge_agent.errors import PolicyRefusedError

_SHORT: Final = {
    "po": "pods",
    "no": "nodes",
    "ns": "namespaces",
    "svc": "services",
    "ep": "endpoints",
    "ev": "events",
    "event": "events",
    "deploy": "deployments",
    "rs": "replicasets",
    "sts": "statefulsets",
    "ds": "daemonsets",
    "cj": "cronjobs",
    "rc": "replicationcontrollers",
    "cm": "configmaps",
    "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims",
    "sc": "storageclasses",
    "hpa": "horizontalpodautoscalers",
    "vpa": "verticalpodautoscalers",
    "pdb": "poddisruptionbudgets",
    "quota": "resourcequotas",
    "limits": "limitranges",
    "netpol": "networkpolicies",
    "networkpolicy": "networkpolicies",
    "ing": "ingresses",
    "ingress": "ingresses",
    "ingressclass": "ingressclasses",
    "storageclass": "storageclasses",
    "priorityclass": "priorityclasses",
    "pc": "priorityclasses",
    "runtimeclass": "runtimeclasses",
    "gatewayclass": "gatewayclasses",
    "deviceclass": "deviceclasses",
    "nodeclass": "nodeclasses",
    "volumesnapshotclass": "volumesnapshotclasses",
    "ipaddress": "ipaddresses",
    "csistoragecapacity": "csistoragecapacities",
    "sa": "serviceaccounts",
    "crd": "customresourcedefinitions",
    "crds": "customresourcedefinitions",
    "csr": "certificatesigningrequests",
    "cert": "certificates",
    "certs": "certificates",
}
_GROUP: Final = re.compile(
    r"(v\d+((alpha|beta)\d+)?)?\.?(apps|batch|autoscaling|policy|extensions|([a-z0-9-]+\.)*k8s\.io)?\.?"
)
"""What may follow the type: a version, a group of Kubernetes itself, or both. Another's group could give our names to things that we do not know."""
_BOUND_TYPES: Final = {"get", "describe"}
_EXPLAIN: Final = re.compile(r"[a-zA-Z]{1,63}(\.[a-zA-Z]{1,63}){0,12}")


def check_kubectl(command: KubectlCommand, rules: Kubectl) -> None:
    """Allow what the line would show.

    Raises:
        PolicyRefusedError: a type, name or output format is not allowed.
    """
    output = command.flag("-o", "--output")
    if output is not None and any("-o" in flag.names and flag.value == "output_format" for flag in command.rule.flags):
        _check_output(output, rules)
    match command.verb:
        case "get" | "describe":
            _check_objects(command, rules)
        case "logs":
            _check_targets(command, rules, {"pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs"})
        case "rollout":
            _check_targets(command, rules, {"deployments", "statefulsets", "daemonsets"}, typed=True)
        case "explain":
            _check_words(command, _EXPLAIN, most=1)
        case "auth":
            _check_words(command, re.compile(r"[a-zA-Z0-9./-]{1,253}"), most=3)
        case "top":
            _check_words(command, re.compile(rules.value_patterns["name"]), most=1)
        case _:
            _check_words(command, re.compile(""), most=0)


def types_of(command: KubectlCommand) -> tuple[str, ...]:
    """The plural names of the types that the line is about; events and logs count as types of their own."""
    if command.verb in ("events", "logs"):
        return (command.verb,)
    if command.verb not in _BOUND_TYPES or not command.words:
        return ()
    if "/" in command.words[0]:
        return tuple(_plural(word.partition("/")[0]) for word in command.words)
    return tuple(_plural(word) for word in command.words[0].split(","))


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
    for plural in types_of(command):
        _check_type(plural, rules)
        if plural in command.rule.types_deny:
            raise _refused(f"{command.verb} of {plural} is denied: it prints values as text")
    _check_names(names, rules)


def _check_targets(command: KubectlCommand, rules: Kubectl, types: set[str], *, typed: bool = False) -> None:
    """One target: a NAME, a TYPE/NAME, or TYPE NAME; or a selector."""
    words = list(command.words)
    if not words and command.flag("-l", "--selector") is not None and not typed:
        return
    if len(words) == 2 and typed:
        words = [f"{words[0]}/{words[1]}"]
    if len(words) != 1 or (typed and "/" not in words[0]):
        raise _refused(f"{command.verb} needs one target")
    kind, slash, name = words[0].partition("/")
    if slash and _plural(kind) not in types:
        raise _refused(f"{command.verb} of {kind} is not allowed")
    _check_names([name if slash else kind], rules)


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


def _check_type(plural: str, rules: Kubectl) -> None:
    for denial in rules.resources.deny:
        if any(plural in (_plural(each), each) for each in denial.types):
            raise _refused(f"{plural} are denied" + (f": {denial.why}" if denial.why else ""))
    if plural not in rules.resources.allow:
        raise _refused(f"{plural} is not a resource type of the policy")


def _plural(word: str) -> str:
    kind, dot, group = word.lower().partition(".")
    if dot and not _GROUP.fullmatch(group):
        raise _refused(f"{word!r}: only groups of Kubernetes itself are known")
    if kind in _SHORT:
        return _SHORT[kind]
    if kind.endswith("s") or kind == "all":
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:-1] not in "aeiou" else f"{kind}s"


def _check_output(output: str, rules: Kubectl) -> None:
    formats = rules.output_formats
    if output in formats.allow_exact:
        return
    expression = formats.expression_rule
    for prefix, pattern in (("jsonpath=", expression.jsonpath), ("custom-columns=", expression.custom_columns)):
        if output.startswith(prefix):
            if not re.fullmatch(pattern, output):
                raise _refused(f"output {output!r}: only plain paths to one field each")
            _check_paths(output.removeprefix(prefix), expression)
            return
    raise _refused(f"output format {output!r} is not allowed")


def _check_paths(text: str, rule: ExpressionRule) -> None:
    for path in text.strip("{}").split(","):
        segments = re.findall(r"\.([A-Za-z]+)", path)
        for segment in segments:
            if segment in rule.path_segment_deny:
                raise _refused(f"output: the field {segment} is denied")
        if segments[-1] not in rule.last_segment_allow:
            raise _refused(f"output: a path must end in a harmless field, {segments[-1]} is not one")
