"""Which version of each object was seen last: a watch that goes on from an older point shows the past once more, and the past is no news.

A list is believed whatever its versions are: it is read from the server's present state, and a server restored from a backup counts from an older one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from aetherius.edge_agent.kubernetes_objects import Metadata

MAX_KNOWN: Final = 100_000
"""Objects remembered; the longest unchanged are forgotten first. About 200 bytes each."""


class LatestVersions:
    """For one thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()

    def is_past(self, metadata: Metadata, *, listed: bool) -> bool:
        """Whether a later version was seen before; else this is the latest from now on."""
        version, uid = metadata.resource_version, metadata.uid
        if not version.isdigit() or len(version) > 20 or not uid:
            return False
        if not listed and int(version) < self._known.get(uid, 0):
            return True
        self._known[uid] = int(version)
        self._known.move_to_end(uid)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return False
