"""A bundle holds as it was made; any change is found, and named by its part or its event."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aetherius.event_store import ledger
from aetherius.event_store.audit import bundle_file
from aetherius.event_store.audit.bundle_check import BundleReport, check
from aetherius.event_store.audit.bundle_file import (
    SEAL_SIZE,
    IncidentStory,
    Manifest,
    PositionRange,
    TimeRange,
    seal,
    signed_bytes,
    stored_content,
    stored_member,
)
from aetherius.event_store.audit.proof import Header, ProvedEvent
from aetherius.runtime.signing_key import SigningKey
from ledger_samples import KEY, START, Sample

SAMPLE = Sample([5, 700, 1, 1200, 30, 1])
FIRST, LAST, HEAD = 400, 1500, SAMPLE.head.position
RANGE = PositionRange(FIRST, LAST)
BUNDLE, MANIFEST = SAMPLE.bundle(RANGE, SAMPLE.lines(FIRST, LAST))


def test_an_anchor_that_the_bundle_does_not_meet_is_named() -> None:
    held = {entry.last: entry.hash.hex() for entry in SAMPLE.entries}
    report = check(BytesIO(BUNDLE), anchors=held)
    assert (report.intact, report.anchors) == (True, 5)
    [(_, position)] = told(check(BytesIO(BUNDLE), anchors={**held, 1906: "0" * 64}))
    assert position == 1906


def judged(bundle: bytes, key_id: str = "") -> BundleReport:
    return check(BytesIO(bundle), key_id)


def told(report: BundleReport) -> list[tuple[str, int | None]]:
    return [(finding.part, finding.position) for finding in report.findings]


def places() -> list[tuple[range, set[str]]]:
    """Which bytes of the bundle belong to which part."""
    parts = [(range(p.offset, p.offset + p.stored), {f"part {n}"}) for n, p in enumerate(MANIFEST.parts, 1)]
    end, last = MANIFEST.parts[-1].offset + MANIFEST.parts[-1].stored, len(BUNDLE) - SEAL_SIZE
    return [*parts, (range(end, last), {"manifest"}), (range(last, len(BUNDLE)), {"seal", "manifest"})]


def test_a_bundle_holds_as_it_was_made() -> None:
    report = judged(BUNDLE, KEY.public.key_id)
    assert told(report) == []
    assert (report.events, report.entries) == (LAST - FIRST + 1, 5)
    assert len(MANIFEST.parts) > 2
    assert judged(BUNDLE, KEY.public.fingerprint).intact


@given(st.data())
def test_any_byte_changed_is_found_in_its_part(data: st.DataObject) -> None:
    span, names = data.draw(st.sampled_from(places()))
    at = data.draw(st.integers(span.start, span.stop - 1))
    changed = bytearray(BUNDLE)
    changed[at] ^= data.draw(st.integers(1, 255))
    found = {part for part, _ in told(judged(bytes(changed)))}
    assert found
    assert found <= names


def test_every_single_byte_of_manifest_and_seal_counts() -> None:
    small, _ = Sample([2]).bundle(PositionRange(1, 2), Sample([2]).lines(1, 2))
    for at in range(len(small)):
        changed = bytearray(small)
        changed[at] ^= 1
        assert not judged(bytes(changed)).intact, at


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"\0" + b, lambda b: b[100:], lambda b: b""]
)
def test_a_bundle_cut_or_added_to_is_refused(change: object) -> None:
    assert callable(change)
    assert not judged(change(BUNDLE)).intact


def test_the_file_is_readable_by_common_tools() -> None:
    lines = gzip.decompress(BUNDLE).splitlines()
    assert lines[0].startswith(b'{"entry":{"first":6,"last":705,')
    assert lines[-2].startswith(b'{"format":"aetherius.bundle.v1"')
    assert lines[-1].startswith(b'{"manifest_bytes":')


def test_another_key_is_named() -> None:
    stranger = SigningKey(Ed25519PrivateKey.generate())
    bundle, _ = SAMPLE.bundle(RANGE, SAMPLE.lines(FIRST, LAST), stranger)
    assert judged(bundle).intact
    assert told(judged(bundle, KEY.public.key_id)) == [("key", None)]
    assert told(judged(bundle, KEY.public.key_id[:8])) == [("key", None)]


def test_a_manifest_signed_by_somebody_else_is_found() -> None:
    stranger = SigningKey(Ed25519PrivateKey.generate())
    text = stored_content(BUNDLE[MANIFEST.parts[-1].offset + MANIFEST.parts[-1].stored : -SEAL_SIZE])
    assert text is not None
    forged = BUNDLE[:-SEAL_SIZE] + seal(len(stored_member(text)), stranger.sign(signed_bytes(text)))
    assert told(judged(forged)) == [("manifest", None)]


def without(*positions: int) -> Iterator[Header | ProvedEvent]:
    return (l for l in SAMPLE.lines(FIRST, LAST) if isinstance(l, Header) or l.position not in positions)


@pytest.mark.parametrize("missing", [(FIRST,), (800,), (LAST,), (705, 706, 707), tuple(range(450, 460))])
def test_what_the_signer_left_out_of_a_range_is_named(missing: tuple[int, ...]) -> None:
    bundle, _ = SAMPLE.bundle(RANGE, without(*missing))
    assert told(judged(bundle)) == [("selection", position) for position in missing]


def test_an_entry_that_is_left_out_breaks_the_chain() -> None:
    bundle, _ = SAMPLE.bundle(
        RANGE, (l for l in SAMPLE.lines(FIRST, LAST) if not (isinstance(l, Header) and l.first == 1907))
    )
    assert [position for _, position in told(judged(bundle))] == [1937]


def test_an_event_the_signer_changed_is_named() -> None:
    lines = (
        replace(l, state=b"{}") if isinstance(l, ProvedEvent) and l.position == 801 else l
        for l in SAMPLE.lines(FIRST, LAST)
    )
    bundle, _ = SAMPLE.bundle(RANGE, lines)
    [(part, position)] = told(judged(bundle))
    assert (part[:4], position) == ("part", 801)


def test_events_out_of_order_are_named() -> None:
    lines = list(Sample([3]).lines(1, 3))
    bundle, _ = Sample([3]).bundle(IncidentStory(UUID(int=9)), iter([lines[0], lines[2], lines[1], lines[3]]))
    assert told(judged(bundle)) == [("part 1", 1)]


def test_a_time_range_must_show_where_it_begins_and_hold_all() -> None:
    since, until = ledger.moment(START + 1_000_000), ledger.moment(START + 3_000_000)
    wanted = TimeRange(since, until)

    def lines(first_entry: int) -> Iterator[Header | ProvedEvent]:
        return (l for l in SAMPLE.lines(first_entry, 706) if isinstance(l, Header) or l.position > 5)

    assert judged(SAMPLE.bundle(wanted, lines(1))[0]).intact
    assert told(judged(SAMPLE.bundle(wanted, SAMPLE.lines(6, 706))[0])) == [("selection", 6)]
    assert told(judged(SAMPLE.bundle(TimeRange(since, until + timedelta(microseconds=1)), lines(1))[0]))[0] == (
        "selection",
        707,
    )


def test_a_bundle_of_a_time_without_events_holds() -> None:
    since = ledger.moment(START + 3_500_000)
    wanted = TimeRange(since, since + timedelta(microseconds=1))
    assert judged(SAMPLE.bundle(wanted, SAMPLE.lines(1900, 0))[0]).intact


@given(st.binary(max_size=200_000))
def test_a_stored_member_is_gzip_and_gives_its_content_back(content: bytes) -> None:
    member = stored_member(content)
    assert gzip.decompress(member) == content
    assert stored_content(member) == content


def test_a_part_never_grows_past_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_file, "PART_BYTES", 1000)
    bundle, manifest = SAMPLE.bundle(RANGE, SAMPLE.lines(FIRST, LAST))
    assert max(part.size for part in manifest.parts) < 4000
    assert judged(bundle).intact


def test_the_format_of_today_is_the_format_for_ever() -> None:
    bundle, manifest = Sample([3, 2]).bundle(PositionRange(2, 4), Sample([3, 2]).lines(2, 4))
    lines = gzip.decompress(bundle[: manifest.parts[-1].offset + manifest.parts[-1].stored])
    assert sha256(lines).hexdigest() == "530be02cf2fb0915417a462a7304de37258b64c97d8f2a88efc4bad0bc43e12d"
    assert isinstance(manifest, Manifest)
