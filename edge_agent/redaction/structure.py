"""Takes secrets out of objects by their fields, as `get -o json` prints them; what is left as text goes through the masking of text.

Hidden are: values of environment variables, arguments and commands (also those of probes and hooks), values of headers, attributes of volumes, all that
config maps and secrets hold, applied configurations, and whatever lies under a name that tells of a secret, in any kind of object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from aetherius.edge_agent.redaction.marks import hashed
from aetherius.edge_agent.redaction.names import Telling, names_a_secret, telling
from aetherius.edge_agent.redaction.randomness import looks_random
from aetherius.edge_agent.redaction.text import mask_text
from aetherius.edge_agent.redaction.values import PATH, USER_AND_PASSWORD

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CLEAR_CONFIG_MAPS: Final = frozenset({"coredns", "cluster-autoscaler-status"})
"""Config maps whose values are settings of the cluster itself and are needed for a diagnosis."""
SAFE_ENV: Final = re.compile(
    r"(?:.*_)?(?:PORT|HOST|MODE|LEVEL|REGION|ZONE|TZ|LANG|REPLICAS|LIMIT|SIZE|TIMEOUT|THREADS|WORKERS|GOMAXPROCS|GOMEMLIMIT)"
)
"""Names of variables whose values help and are no secrets; a password within one, of a URL, is taken out all the same."""
_SAFE_HEADERS: Final = re.compile(
    r"host|accept|accept-encoding|content-type|user-agent|connection|x-probe", re.IGNORECASE
)
SAFE_ATTRIBUTES: Final = re.compile(
    r"(?:.*[./])?(?:csiProvisionerIdentity|fsType|csi\.storage\.k8s\.io/fstype|protocol|server|share|type|partition|clusterID|pool|imageFormat"
    r"|imageName|journalPool|storagePool|skuName|resourceGroup|fileSystemId|pv/name|pvc/name(?:space)?|pod\.name(?:space)?|pod\.uid|ephemeral)"
)
_SECRET_FIELDS: Final = frozenset(
    {
        "stringData",
        "binaryData",
        "userData",
        "userDataBase64",
        "networkData",
        "networkDataBase64",
        "dockerconfigjson",
        ".dockerconfigjson",
        "kubeconfig",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "htpasswd",
        "ssh-privatekey",
        "ssh-private-key",
    }
)
_PLAIN: Final = frozenset(
    {
        "value",
        "plain",
        "plainText",
        "plaintext",
        "text",
        "inline",
        "literal",
        "data",
        "content",
        "raw",
        "string",
        "default",
        "inlineString",
        "inline_string",
        "inlineBytes",
        "inline_bytes",
    }
)
"""Where an object under a telling name holds the secret itself, not a reference to it."""
_NAMES_OF_OBJECTS_ALONE: Final = re.compile(r"[a-z]+(?:-[a-z]+){0,6}|[a-z]+(?:-[a-z0-9]{1,7}){1,6}")
_DEEPEST: Final = 64
"""Levels of an object; what lies deeper is no object of Kubernetes, and is hidden."""
_LONGEST_JSON: Final = 256 * 1024


def mask_object(document: Any) -> Any:
    """An object or a list of them, without the values that must not leave."""
    if not isinstance(document, dict):
        return _walk(document, 0) if isinstance(document, (str, list)) else document
    if isinstance(document.get("items"), list):
        kind = str(document.get("kind", "")).removesuffix("List")
        rest = {key: each for key, each in document.items() if key != "items"}
        return {**_walk(rest, 0), "items": [_mask_item(item, kind) for item in document["items"]]}
    return _of_kind(document, _walk(document, 0), document.get("kind"))


def _mask_item(item: Any, kind: str) -> Any:
    """One of a list: where it does not say its kind, the list did."""
    if isinstance(item, dict) and "kind" not in item and "items" not in item:
        return _of_kind(item, _walk(item, 0), kind)
    return mask_object(item)


def _of_kind(document: dict[str, Any], masked: dict[str, Any], kind: Any) -> dict[str, Any]:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if kind in ("Secret", "SealedSecret") or (kind == "ConfigMap" and name not in CLEAR_CONFIG_MAPS):
        for field in ("data", "binaryData", "stringData"):
            if not isinstance(document.get(field), dict):
                masked.update({field: hide(document[field])} if field in document else {})
            else:
                masked[field] = {
                    key: f"{len(str(value))} characters {hashed(value)}" for key, value in document[field].items()
                }
    if kind == "CertificateSigningRequest":
        for part, field in (("spec", "request"), ("status", "certificate")):
            if isinstance(masked.get(part), dict):
                masked[part].pop(field, None)
    return masked


def _walk(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return hashed(value)
    if isinstance(value, list):
        return [_walk(each, depth + 1) for each in value]
    if isinstance(value, str):
        return _mask_string(value, depth)
    if not isinstance(value, dict):
        return value
    masked = _mask_named_value(
        {_clear(key): _field(key, each, depth + 1) for key, each in value.items() if key != "caBundle"}, value
    )
    if depth and value.get("kind") in ("Secret", "ConfigMap"):
        return _of_kind(value, masked, value["kind"])  # an object within another
    return _mask_web_key(masked) if "kty" in value else masked


def _clear(key: Any) -> Any:
    return mask_text(key) if isinstance(key, str) and len(key) > 24 else key


def _field(key: str, value: Any, depth: int) -> Any:
    if key in _FIELDS:
        return _FIELDS[key](value, depth)
    if key in _SECRET_FIELDS:
        return hide(value)
    told = telling(key)
    if told > Telling.PERHAPS and isinstance(value, dict):
        return {name: hide(each) if name in _PLAIN else _field(name, each, depth + 1) for name, each in value.items()}
    if told is Telling.NOTHING or isinstance(value, (dict, bool)) or value is None:
        return _walk(value, depth)
    if told is Telling.PERHAPS:
        return _mask_perhaps(key, value, depth)
    if isinstance(value, list):
        return [_walk(each, depth) if isinstance(each, dict) else hashed(each) for each in value]
    of_file = told is Telling.SECRET and isinstance(value, str) and PATH.fullmatch(value)
    return _walk(value, depth) if of_file or names_a_secret(key, value) else hashed(value)


def _mask_perhaps(key: str, value: Any, depth: int) -> Any:
    if not isinstance(value, str):
        return _walk(value, depth)
    of_user = key.lower().endswith("auth") and USER_AND_PASSWORD.fullmatch(value)
    return hashed(value) if of_user or looks_random(value) else _walk(value, depth)


def _mask_web_key(masked: dict[Any, Any]) -> dict[Any, Any]:
    """A key of a JSON Web Key Set: its private parts."""
    return {
        name: hide(each) if name in ("k", "d", "p", "q", "dp", "dq", "qi") else each for name, each in masked.items()
    }


def _mask_named_value(masked: dict[Any, Any], value: dict[Any, Any]) -> dict[Any, Any]:
    """`{name: db.password, value: x}`, wherever it stands."""
    name = value.get("name", value.get("key"))
    if isinstance(name, str) and telling(name) > Telling.PERHAPS:
        for field in ("value", "default", "defaultValue", "stringValue"):
            if isinstance(value.get(field), (str, int)) and not isinstance(value[field], bool):
                masked[field] = hashed(value[field])
    return masked


def _mask_string(value: str, depth: int) -> str:
    """A text; one that is JSON is masked as what it holds."""
    if value.startswith("data:") and "," in value[:128]:
        return value.partition(",")[0] + "," + hashed(value)  # a file in an address
    if value[:1] in ("{", "[") and len(value) <= _LONGEST_JSON:
        try:
            held = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return mask_text(value)
        masked = mask_object(held) if isinstance(held, dict) else _walk(held, depth + 1)
        return value if masked == held else msgspec.json.encode(masked).decode()
    return mask_text(value)


def hide(value: Any) -> Any:
    """Each value hashed, names and shape kept."""
    if isinstance(value, dict):
        return {key: hide(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hide(each) for each in value]
    return value if value is None or isinstance(value, bool) else hashed(value)


def _mask_env(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _mask_entry(key, each, depth) for key, each in value.items()}
    if not isinstance(value, list):
        return hide(value)
    return [_mask_variable(each, depth) if isinstance(each, dict) else hide(each) for each in value]


def _mask_entry(name: str, value: Any, depth: int) -> Any:
    """One of variables that are told as names and values, not as a list."""
    if isinstance(value, dict):
        return _mask_variable({"name": name, **value}, depth)
    return _walk(value, depth) if _is_safe(name) else hide(value)


def _is_safe(name: str) -> bool:
    return SAFE_ENV.fullmatch(name) is not None


def _mask_variable(variable: dict[str, Any], depth: int) -> dict[str, Any]:
    if "value" not in variable:
        return _walk_dict(variable, depth)
    if _is_safe(str(variable.get("name", ""))):
        return {**_walk_dict(variable, depth), "value": mask_text(str(variable["value"]))}
    return {**_walk_dict(variable, depth), "value": hashed(variable["value"])}


def _walk_dict(value: dict[str, Any], depth: int) -> dict[str, Any]:
    return {key: _walk(each, depth + 1) for key, each in value.items()}


def _mask_words(value: Any, depth: int) -> Any:
    if isinstance(value, dict):  # a script and its image
        return {
            key: hide(each) if isinstance(each, str) and key != "image" else _walk(each, depth)
            for key, each in value.items()
        }
    return hide(value)


def _mask_headers(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _walk(each, depth) if _SAFE_HEADERS.fullmatch(key) else hide(each) for key, each in value.items()}
    if not isinstance(value, list):
        return _walk(value, depth)
    return [_mask_header(each, depth) for each in value]


def _mask_header(header: Any, depth: int) -> Any:
    if not isinstance(header, dict):
        return hide(header)
    if _SAFE_HEADERS.fullmatch(str(header.get("name", header.get("key", "")))):
        return _walk(header, depth)
    return {key: _walk(each, depth) if key in ("name", "key") else hide(each) for key, each in header.items()}


def _mask_attributes(value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        return _walk(value, depth)
    return {key: _walk(each, depth) if SAFE_ATTRIBUTES.fullmatch(key) else hide(each) for key, each in value.items()}


def _mask_options(value: Any, depth: int) -> Any:
    """Options of a mount: `nosuid` and `vers=4.1` help, what follows another `=` is hidden."""
    if not isinstance(value, list):
        return _mask_attributes(value, depth)
    return [mask_option(each) if isinstance(each, str) else hide(each) for each in value]


def mask_option(option: str) -> str:
    """One option of a mount without its value, unless that says how to mount."""
    name, equals, given = option.partition("=")
    if not equals or name in _SAFE_OPTIONS:
        return mask_text(option)
    return f"{name}={hashed(given)}"


_SAFE_OPTIONS_WRITTEN: Final = (
    "vers nfsvers rsize wsize timeo retrans hard soft proto sec port uid gid file_mode dir_mode mode actimeo cache size iocharset "
    "minorversion nconnect lookupcache local_lock clientaddr acregmin acregmax acdirmin acdirmax"
)
_SAFE_OPTIONS: Final = frozenset(_SAFE_OPTIONS_WRITTEN.split())


def _mask_labels(value: Any, depth: int) -> Any:
    """Labels select and are shown everywhere: their names tell of no secrets, their values are looked at as text."""
    return _walk_dict(value, depth) if isinstance(value, dict) else _walk(value, depth)


def _mask_annotations(value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        return _walk(value, depth)
    return {key: _mask_annotation(key, each, depth) for key, each in value.items()}


def _mask_annotation(key: str, value: Any, depth: int) -> Any:
    applied = key == LAST_APPLIED or key.endswith(
        ("/last-applied", "/last-applied-configuration", "/original", "/applied")
    )
    if key.endswith(("/auth-secret", "/auth-tls-secret", "/proxy-ssl-secret")):
        return _walk(value, depth)  # a name
    if applied or telling(key.rpartition("/")[2]) > Telling.PERHAPS:
        return hide(value)
    return _walk(value, depth)


def _mask_files(value: Any, depth: int) -> Any:
    """Files that a machine is given: their paths stay."""
    if not isinstance(value, list):
        return _walk(value, depth)
    return [
        {**_walk_dict(each, depth), **({"content": hide(each["content"])} if "content" in each else {})}
        if isinstance(each, dict)
        else _walk(each, depth)
        for each in value
    ]


_NAMING: Final = frozenset(
    {"name", "secretName", "kind", "namespace", "key", "provider", "path", "mountPath", "type", "apiVersion", "store"}
)


def _mask_secrets(value: Any, depth: int) -> Any:
    """`secrets: {DB: x}` in the values of a chart: what is no name of an object is hidden."""
    if not isinstance(value, dict):
        return _walk(value, depth)
    return {
        name: hide(each)
        if isinstance(each, str) and name not in _NAMING and not _NAMES_OF_OBJECTS_ALONE.fullmatch(each)
        else _field(name, each, depth + 1)
        for name, each in value.items()
    }


_FIELDS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "env": _mask_env,
    "extraEnv": _mask_env,
    "extraEnvVars": _mask_env,
    "args": _mask_words,
    "command": _mask_words,
    "commands": _mask_words,
    "cmd": _mask_words,
    "entrypoint": _mask_words,
    "extraArgs": _mask_words,
    "environment": _mask_env,
    "extraCommands": _mask_words,
    "preKubeadmCommands": _mask_words,
    "postKubeadmCommands": _mask_words,
    "bootCommands": _mask_words,
    "bootcmd": _mask_words,
    "runcmd": _mask_words,
    "files": _mask_files,
    "write_files": _mask_files,
    "secrets": _mask_secrets,
    "script": _mask_words,
    "annotations": _mask_annotations,
    "labels": _mask_labels,
    "matchLabels": _mask_labels,
    "nodeSelector": _mask_labels,
    "httpHeaders": _mask_headers,
    "headers": _mask_headers,
    "volumeAttributes": _mask_attributes,
    "options": _mask_options,
    "mountOptions": _mask_options,
}
