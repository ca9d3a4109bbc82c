"""The check of a bundle: needs the file alone, no database and no network, and says which part or event does not hold.

Three questions, in this order: are these the bytes that were signed; does every event lie under its entry, and every entry under the head; is everything here
that was asked for. Memory: one part, whatever the size of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import IO

import msgspec

from aetherius.event_store.audit.bundle_file import (
    MAX_PART,
    SEAL_SIZE,
    IncidentStory,
    Manifest,
    Part,
    PositionRange,
    Seal,
    TimeRange,
    lines_of,
    signed_bytes,
    stored_content,
)
from aetherius.event_store.audit.proof import Header, ProvedEvent
from aetherius.event_store.ledger import GENESIS, micros
from aetherius.runtime.signing_key import PublicKey, is_named

CAP = 100
"""Findings listed; more are only counted."""
_MAX_MANIFEST = 512 * 2**20


class BundleFinding(msgspec.Struct, frozen=True):
    """One thing that is wrong with a bundle, and where."""

    part: str
    """`seal`, `manifest`, `key`, `part 3`, or `selection`."""
    position: int | None
    detail: str


class BundleReport(msgspec.Struct):
    """What a check found."""

    manifest: Manifest | None = None
    """None if it could not be read."""
    entries: int = 0
    events: int = 0
    anchors: int = 0
    """Anchors that an entry of the bundle agrees with."""
    findings: list[BundleFinding] = []
    total: int = 0

    @property
    def intact(self) -> bool:
        """Nothing is wrong."""
        return self.total == 0

    def add(self, part: str, position: int | None, detail: str) -> None:
        """Take a finding; past the cap only count it."""
        self.total += 1
        if len(self.findings) < CAP:
            self.findings.append(BundleFinding(part, position, detail))


def check(file: IO[bytes], key_id: str = "", anchors: Mapping[int, str] | None = None) -> BundleReport:
    """Check a bundle.

    Args:
        file: opened for reading bytes, and seekable.
        key_id: what the signing key must be named by; without it the bundle is only proved to be as *somebody* signed it.
        anchors: hashes in hex, by position: entries that end there must have them.
    """
    report = BundleReport(findings=[])
    manifest_at = _read_manifest(file, key_id, report)
    if report.manifest is not None:
        _check_parts(file, _Walk(report.manifest, report, anchors or {}), manifest_at)
    return report


def _read_manifest(file: IO[bytes], key_id: str, report: BundleReport) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - SEAL_SIZE))
    seal = Seal.read(file.read(SEAL_SIZE))
    if seal is None:
        report.add("seal", None, "the last bytes are not a seal: the file was cut, added to, or changed there")
        return 0
    at = size - SEAL_SIZE - seal.manifest_bytes
    if at < 0 or seal.manifest_bytes > _MAX_MANIFEST:
        report.add("seal", None, "names a place for the manifest that is not in the file")
        return 0
    file.seek(at)
    text = stored_content(file.read(seal.manifest_bytes))
    if text is None:
        report.add("manifest", None, "not where the seal says, or not as a manifest is written")
        return at
    _check_signature(text, seal, key_id, report)
    return at


def _check_signature(text: bytes, seal: Seal, key_id: str, report: BundleReport) -> None:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
        key = PublicKey.from_base64(manifest.public_key)
    except (ValueError, UnicodeError) as exc:  # msgspec's errors too
        report.add("manifest", None, f"cannot be read: {exc}")
        return
    report.manifest = manifest
    if not key.verify(bytes.fromhex(seal.signature), signed_bytes(text)):
        report.add("manifest", None, "the signature is not of this manifest")
    if manifest.key_id != key.key_id:
        report.add("key", None, f"the manifest names key {manifest.key_id}, and holds {key.key_id}")
    if key_id and not is_named(key, key_id):
        report.add("key", None, f"signed by key {key.key_id}, not by {key_id}")


def _check_parts(file: IO[bytes], walk: _Walk, manifest_at: int) -> None:
    report, offset = walk.report, 0
    for number, part in enumerate(walk.manifest.parts, 1):
        name = f"part {number}"
        if part.offset != offset:
            report.add("manifest", None, f"{name} does not begin where the one before ends")
        offset = part.offset + part.stored
        walk.begin(name)
        for line in _lines(file, name, part, walk):
            walk.take(line)
    if offset != manifest_at:
        report.add("manifest", None, "its parts are not all of the file")
    walk.end()


def _lines(file: IO[bytes], name: str, part: Part, walk: _Walk) -> Iterator[Header | ProvedEvent]:
    """The lines of a part, as far as they can be read; what cannot is reported, and the walk told of the gap."""
    span = f"positions {part.first} to {part.last}, bytes {part.offset} to {part.offset + part.stored - 1}"
    file.seek(part.offset)
    member = file.read(min(part.stored, MAX_PART))
    if sha256(member).hexdigest() != part.sha256:
        walk.report.add(name, None, f"its bytes are not those that were signed ({span})")
    try:
        for line in lines_of(member, part.size):
            if line.entry is not None:
                yield line.entry
            if line.event is not None:
                yield line.event
    except (ValueError, UnicodeError) as exc:
        walk.report.add(name, None, f"{exc} ({span})")
        walk.lose_track()


class _Walk:
    """Follows entries and events from the first to the head. After a part that cannot be read it starts anew with the next entry."""

    def __init__(self, manifest: Manifest, report: BundleReport, anchors: Mapping[int, str]) -> None:
        self.manifest = manifest
        self.report = report
        self._anchors = anchors
        self._part = "manifest"
        self._entry: Header | None = None
        self._sound = False
        self._due: range | None = None
        """Positions that must still come under this entry; None where nobody can say."""
        self._last = 0
        self._version = 0
        self._lost = False
        self._resuming = False
        """Between a part that could not be read and the next event: how far the entry had come is not known."""

    def begin(self, name: str) -> None:
        """Go on with a part."""
        self._part = name

    def lose_track(self) -> None:
        """A part could not be read to its end: nothing follows from what came before."""
        self._lost = self._resuming = True
        self._entry, self._due = None, None

    def take(self, line: Header | ProvedEvent) -> None:
        """Check the next line."""
        if isinstance(line, Header):
            if line != self._entry:  # a part repeats the entry that the one before had begun
                self._take_entry(line)
        else:
            self._take_event(line)

    def _take_entry(self, entry: Header) -> None:
        self.report.entries += 1
        self._settle()
        fault = entry.fault()
        if fault:
            self._add(entry.last, f"the entry that ends here: {fault}")
        if self._entry is not None and (gap := entry.break_after(self._entry)):
            self._add(entry.last, f"the entry that ends here: {gap}")
        if (noted := self._anchors.get(entry.last)) is not None:
            self.report.anchors += noted == entry.hash
            if noted != entry.hash:
                self._add(entry.last, "the entry that ends here has another hash than was anchored")
        if self.report.entries == 1:
            self._check_start(entry)
        self._entry, self._sound, self._due = entry, not fault, _wanted(self.manifest, entry)

    def _take_event(self, event: ProvedEvent) -> None:
        self.report.events += 1
        if self._entry is None:
            self._add(event.position, "comes without its entry")
            return
        if self._sound and (fault := event.fault(self._entry)):
            self._add(event.position, fault)
        if event.position <= self._last:
            self._add(event.position, f"comes after {self._last}")
        self._last = event.position
        self._check_due(event.position)
        self._check_version(event)

    def _check_due(self, position: int) -> None:
        if self._due is None:
            return
        if self._resuming and position in self._due:
            self._due = range(position, self._due.stop)
        self._resuming = False
        if position not in self._due:
            self._add(position, "was not asked for", part="selection")
            return
        self._miss(range(self._due.start, position))
        self._due = range(position + 1, self._due.stop)

    def _check_version(self, event: ProvedEvent) -> None:
        """An incident's own stream must have no gap."""
        selection = self.manifest.selection
        if not isinstance(selection, IncidentStory) or event.stream_id != selection.incident:
            return
        if event.version != self._version + 1 and not self._lost:
            self._add(event.position, f"version {event.version} of the incident follows {self._version}")
        self._version = event.version

    def _settle(self) -> None:
        if not self._resuming:
            self._miss(self._due or range(0))

    def _miss(self, positions: range) -> None:
        for position in positions[:CAP]:
            self._add(position, "was asked for, and is not here", part="selection")
        self.report.total += max(0, len(positions) - CAP)

    def _check_start(self, entry: Header) -> None:
        """A range must begin at or below its first event, or nobody could see what was left out there."""
        if self._lost or (entry.first == 1 and entry.prev_hash == GENESIS.hex()):
            return
        match self.manifest.selection:
            case PositionRange(first=first) if entry.first > first:
                self._miss(range(first, entry.first))
            case TimeRange(since=since) if entry.recorded_at >= micros(since):
                self._add(entry.first, "begins within the time asked for: what came before is not here", "selection")
            case _:
                pass

    def end(self) -> None:
        """After the last part: is this the head, and all?"""
        self._settle()
        head = self.manifest.head
        selection = self.manifest.selection
        if isinstance(selection, PositionRange) and selection.last > head.position:
            self._add(head.position, "the log ends before the range does", part="selection")
        if self._entry is not None:
            found = (self._entry.last, self._entry.hash, self._entry.recorded_at)
            if found != (head.position, head.hash, micros(head.recorded_at)):
                self._add(self._entry.last, "the last entry is not the head", part="manifest")
        elif not self._lost:
            self._add(head.position, "no entry is here", part="manifest")
        told = (self.manifest.entries, self.manifest.events)
        if not self._lost and told != (self.report.entries, self.report.events):
            self._add(None, f"names {told[0]} entries and {told[1]} events", part="manifest")

    def _add(self, position: int | None, detail: str, part: str = "") -> None:
        self.report.add(part or self._part, position, detail)


def _wanted(manifest: Manifest, entry: Header) -> range | None:
    """The positions of an entry that a selection asks for; None if only the log itself could say."""
    match manifest.selection:
        case PositionRange(first=first, last=last):
            return range(max(first, entry.first), max(first, min(last, entry.last) + 1))
        case TimeRange(since=since, until=until):
            within = micros(since) <= entry.recorded_at < micros(until)
            return range(entry.first, entry.last + 1 if within else entry.first)
        case IncidentStory():
            return None
