"""The resource types that a kubectl line is about, brought to the names that the policy lists.

Types are brought to their plural names first, as the server would: lower case, without version, short and singular names spelled out. A type that is not Kubernetes'
own is known by its group alone: what `orders` are, only the cluster knows.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.catalogue.command_policy import Resources
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
    "cs": "componentstatuses",
    "componentstatus": "componentstatuses",
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
    "gtw": "gateways",
    "gc": "gatewayclasses",
    "deviceclass": "deviceclasses",
    "nodeclass": "nodeclasses",
    "ec2nodeclass": "ec2nodeclasses",
    "aksnodeclass": "aksnodeclasses",
    "volumesnapshotclass": "volumesnapshotclasses",
    "vs": "virtualservices",
    "dr": "destinationrules",
    "ipaddress": "ipaddresses",
    "csistoragecapacity": "csistoragecapacities",
    "sa": "serviceaccounts",
    "crd": "customresourcedefinitions",
    "crds": "customresourcedefinitions",
    "csr": "certificatesigningrequests",
    "cert": "certificates",
    "certs": "certificates",
    "ro": "rollouts",
    "hr": "helmreleases",
    "ks": "kustomizations",
    "so": "scaledobjects",
}
_VERSION: Final = re.compile(r"v\d+((alpha|beta)\d+)?")
_OWN_GROUP: Final = re.compile(r"apps|batch|autoscaling|policy|extensions|([a-z0-9-]+\.)*k8s\.io")
"""Groups of Kubernetes itself. Another's could give our names to things that we do not know."""


def plural_of(word: str) -> str:
    """The plural name of a type, with the group after a dot where it is given and not Kubernetes' own.

    Raises:
        PolicyRefusedError: it is not written as a type is.
    """
    kind, group = _parted(word)
    plural = _plural(kind)
    return plural if not group or _OWN_GROUP.fullmatch(group) else f"{plural}.{group}"


def check_type(word: str, rules: Resources) -> str:
    """Allow a type, as it is written in a line; its plural name.

    Raises:
        PolicyRefusedError: it is denied, or not listed.
    """
    kind, group = _parted(word)
    plural = _plural(kind)
    for denial in rules.deny:
        if any(plural in (_plural(each), each) for each in denial.types):
            raise _refused(f"{plural} are denied" + (f": {denial.why}" if denial.why else ""))
    if group and f"{plural}.{group}" in rules.custom:
        return plural
    if group and not _OWN_GROUP.fullmatch(group):
        raise _refused(f"{word!r}: {plural} of the group {group} are not a resource type of the policy")
    if plural not in rules.allow:
        known = sorted(each for each in rules.custom if each.startswith(f"{plural}."))
        ask = f": write {' or '.join(known)}" if known else ""
        raise _refused(f"{plural} is not a resource type of the policy{ask}")
    return plural


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("semantics", rule)


def _parted(word: str) -> tuple[str, str]:
    """Type and group, of TYPE, TYPE.GROUP, TYPE.VERSION.GROUP or TYPE.VERSION."""
    kind, _, rest = word.lower().rstrip(".").partition(".")
    first, _, group = rest.partition(".")
    return kind, group if _VERSION.fullmatch(first) else rest


def _plural(kind: str) -> str:
    if kind in _SHORT:
        return _SHORT[kind]
    if kind.endswith("s") or kind == "all":
        return kind
    if kind.endswith("y") and kind[-2:-1] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"
