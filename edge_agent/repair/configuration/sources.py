"""Objects from which a controller makes secrets and config maps, and how long each kind of controller is given.

The times are what a controller of the kind takes when all is well, with room: a store is read in seconds, a certificate may have to prove a domain by DNS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, SECRET
from aetherius.domain.repair.pod_config import ConfigSource
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.repair.cluster import Cluster, Document
from aetherius.edge_agent.repair.configuration.records import moment
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, shortened

STORE: Final = 120.0
"""Seconds for what is read from a store outside."""
UNSEALING: Final = 60.0
CERTIFICATE: Final = 600.0
OPERATOR: Final = 300.0
_ROOT_CA: Final = "kube-root-ca.crt"
_CLASS: Final = "SecretProviderClass"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A kind whose objects say what they make."""

    kind: str
    collections: tuple[str, ...]
    """Paths below a namespace's, by version, the newest first."""
    settle: float
    makes: Callable[[Document], Iterator[str]]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A kind whose objects are called like what they make, but for an ending."""

    kind: str
    collections: tuple[str, ...]
    settle: float
    endings: tuple[str, ...] = ("",)


def _target(found: Document) -> Iterator[str]:
    spec = found.get("spec") or {}
    yield str((spec.get("target") or {}).get("name") or found["metadata"]["name"])


def _destination(found: Document) -> Iterator[str]:
    yield str(((found.get("spec") or {}).get("destination") or {}).get("name", ""))


def _secret_name(found: Document) -> Iterator[str]:
    yield str((found.get("spec") or {}).get("secretName", ""))


def _secret_objects(found: Document) -> Iterator[str]:
    yield from (str(each.get("secretName", "")) for each in (found.get("spec") or {}).get("secretObjects") or ())


def _vault(kind: str) -> Listed:
    paths = (f"secrets.hashicorp.com/v1beta1/{kind.lower()}s",)
    return Listed(kind=kind, collections=paths, settle=STORE, makes=_destination)


_LISTED: Final = (
    Listed(
        kind="ExternalSecret",
        collections=("external-secrets.io/v1/externalsecrets", "external-secrets.io/v1beta1/externalsecrets"),
        settle=STORE,
        makes=_target,
    ),
    Listed(
        kind="Certificate", collections=("cert-manager.io/v1/certificates",), settle=CERTIFICATE, makes=_secret_name
    ),
    Listed(
        kind=_CLASS,
        collections=("secrets-store.csi.x-k8s.io/v1/secretproviderclasses",),
        settle=STORE,
        makes=_secret_objects,
    ),
    _vault("VaultStaticSecret"),
    _vault("VaultDynamicSecret"),
    _vault("VaultPKISecret"),
)
_NAMED: Final = (
    Named(kind="SealedSecret", collections=("bitnami.com/v1alpha1/sealedsecrets",), settle=UNSEALING),
    Named(kind="OnePasswordItem", collections=("onepassword.com/v1/onepassworditems",), settle=STORE),
    Named(kind="KafkaUser", collections=("kafka.strimzi.io/v1beta2/kafkausers",), settle=OPERATOR),
    Named(
        kind="Cluster",
        collections=("postgresql.cnpg.io/v1/clusters",),
        settle=OPERATOR,
        endings=("-app", "-superuser", "-ca", "-server", "-replication"),
    ),
    Named(
        kind="RabbitmqCluster",
        collections=("rabbitmq.com/v1beta1/rabbitmqclusters",),
        settle=OPERATOR,
        endings=("-default-user", "-erlang-cookie"),
    ),
    Named(
        kind="Elasticsearch",
        collections=("elasticsearch.k8s.elastic.co/v1/elasticsearches",),
        settle=OPERATOR,
        endings=("-es-elastic-user", "-es-http-certs-public"),
    ),
)


def source_of(kind: str, namespace: str, name: str, awaited_since: datetime, cluster: Cluster) -> ConfigSource | None:
    """What should make an object; None where nothing that can be seen does. `awaited_since`: when the pod was made."""
    if kind == CONFIG_MAP and name == _ROOT_CA:
        return ConfigSource(kind="kube-controller-manager", name="", since=awaited_since, settle_seconds=UNSEALING)
    found = next(_makers(kind, namespace, name, cluster), None)
    return _source(*found, awaited_since) if found else None


def _makers(kind: str, namespace: str, name: str, cluster: Cluster) -> Iterator[tuple[str, float, Document]]:
    if kind == SECRET:
        for listed in _LISTED:
            made = _all(listed.collections, namespace, cluster)
            yield from ((listed.kind, listed.settle, each) for each in made if name in listed.makes(each))
        for named in _NAMED:
            for ending in named.endings:
                if name.endswith(ending) and (
                    one := _one(named.collections, namespace, name.removesuffix(ending), cluster)
                ):
                    yield named.kind, named.settle, one
    if bundle := _find(f"/apis/trust.cert-manager.io/v1alpha1/bundles/{name}", cluster):
        yield "Bundle", UNSEALING, bundle


def _all(collections: tuple[str, ...], namespace: str, cluster: Cluster) -> list[Document]:
    """All objects of a kind, by the first version that is served."""
    for collection in collections:
        try:
            return cluster.api.list(f"/apis/{_within(collection, namespace)}")
        except ClusterRefusedError:
            continue
    return []


def _one(collections: tuple[str, ...], namespace: str, name: str, cluster: Cluster) -> Document | None:
    found = (_find(f"/apis/{_within(each, namespace)}/{name}", cluster) for each in collections)
    return next((each for each in found if each), None)


def _find(path: str, cluster: Cluster) -> Document | None:
    try:
        return cluster.api.find(path)
    except ClusterRefusedError:
        return None


def _within(collection: str, namespace: str) -> str:
    version, _, plural = collection.rpartition("/")
    return f"{version}/namespaces/{namespace}/{plural}"


def _source(kind: str, settle: float, found: Document, awaited_since: datetime) -> ConfigSource:
    made = moment(found["metadata"].get("creationTimestamp"))
    condition = _condition(found)
    words = ": ".join(str(condition[each]) for each in ("reason", "message") if condition.get(each))
    return ConfigSource(
        kind=kind,
        name=str(found["metadata"]["name"]),
        since=max(made, awaited_since) if made else awaited_since,
        settle_seconds=settle,
        said=shortened(mask_start(words, MAX_MESSAGE)),
        ready={"True": True, "False": False}.get(str(condition.get("status"))),
    )


def _condition(found: Document) -> Document:
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") in ("Ready", "Synced")), {})
