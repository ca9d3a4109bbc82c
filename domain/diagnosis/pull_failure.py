"""Why an image could not be pulled, by what the container runtime said of it.

Runtimes and registries pass on each other's words, so one message may hold several: the narrower cause is looked for first, and `not found` last, as it is
also said of hosts, of secrets and of platforms. Names of images and addresses are no words of theirs and are left out.
"""

from __future__ import annotations

import re
from typing import Final

RATE_LIMIT: Final = "PullRateLimit"
UNAUTHORISED: Final = "PullUnauthorised"
ARCHITECTURE: Final = "ImageForOtherPlatform"
DISK: Final = "NodeDiskFull"
SIGNATURE: Final = "SignatureRefused"
NAME: Final = "InvalidImageName"
NEVER: Final = "NeverPulled"
REGISTRY: Final = "RegistryUnavailable"
RUNTIME: Final = "RuntimeFailed"
NOT_FOUND: Final = "ImageNotFound"

MAX_READ: Final = 8192
"""Characters of a message that are looked at."""
_NAMES: Final = re.compile(r'"[^"]*+"|https?://\S++|(?<![\w.-])[\w.-]++(?::\d++)?+(?:/[\w.-]++)++(?:[:@][\w.:-]++)?+')
"""Possessive, and from the beginning of a word only: so it never looks at a character more than a few times."""
_PLATFORM: Final = re.compile(
    r"no match(?:ing manifest)? for [\w./-]+|no matching manifest|no image found in (?:image index|manifest list)"
    r"|cannot be used on this platform|exec format error"
)
_LAYER: Final = re.compile(r"/blobs/sha256")
"""Of an image that is there: a part of it is not."""
_SOCKET: Final = re.compile(r"dial unix |dialing: unix ")
"""The kubelet does not reach its own runtime; no registry was asked."""
_BY_REASON: Final = {
    "InvalidImageName": NAME,
    "ErrImageNeverPull": NEVER,
    "RegistryUnavailable": REGISTRY,
    "SignatureValidationFailed": SIGNATURE,
    "ImageInspectError": RUNTIME,
    "InspectFailed": RUNTIME,
}
_REFUSED: Final = (
    r"unauthori[sz]ed|not authori[sz]ed|pull secret|secrets? +not found|\b401\b|\b403\b|forbidden|(?<!permission )denied|authentication required|no basic auth"
    r"|authorization failed|insufficient_scope|retrieve auth token|no pull access|invalid username|credentials|may require"
)
_AWAY: Final = (
    r"x509|tls|certificate|no such host|server misbehaving|dial tcp|i/o timeout|timed? ?out|timeout"
    r"|deadline exceeded|connection (?:refused|reset)|no route to host|unreachable|unexpected eof|\beof\b|broken pipe"
    r"|\b50[0-9]\b|internal server error|bad gateway|service unavailable|server gave http response"
    r"|failed to copy|from remote|media type|temporar(?:y|ily)|proxyconnect|lookup |blob|digest mismatch|unexpected commit digest|failed size validation|context canceled"
)
_UNPACKED: Final = (
    r"snapshot|extract|unpack image on|content store|content digest|no runtime for|runtime handler|sandbox runtime"
)
"""The registry gave the image; what is not found then is the node's own."""
_RULES: Final = tuple(
    (cause, re.compile(words))
    for cause, words in (
        (
            DISK,
            r"no space left|disk quota exceeded|not enough (?:disk )?space|read-only file system|input/output error",
        ),
        (RATE_LIMIT, r"toomanyrequests|too many requests|\b429\b|rate.?limit|pull qps exceeded|quota exceeded"),
        (SIGNATURE, r"signature|policy verification|source image rejected"),
        (UNAUTHORISED, _REFUSED),
        (
            NAME,
            r"invalid reference format|couldn't parse image|invalidimagename|repository name must be lowercase|short-name",
        ),
        (NEVER, r"never ?pull|pull policy (?:of )?never|is not present with pull policy"),
        (REGISTRY, _AWAY),
        (RUNTIME, _UNPACKED),
        (NOT_FOUND, r"manifest.?unknown|not.?found|\b404\b|does not exist|name.?unknown|not known to registry"),
    )
)


def cause_of_pull(reason: str, message: str) -> str:
    """The cause in the rule's words; empty where neither reason nor message tells it."""
    return _BY_REASON.get(reason, "") or _by_message(message[:MAX_READ])


def _by_message(message: str) -> str:
    text = message.lower()
    if _PLATFORM.search(text):
        return ARCHITECTURE
    if _SOCKET.search(text):
        return RUNTIME
    said = _NAMES.sub(" ", text) + (" blob" if _LAYER.search(text) else "")
    return next((cause for cause, words in _RULES if words.search(said)), "")
