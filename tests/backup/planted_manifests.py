"""Ways to break a backup's manifest; without a key its checksum still fits."""

from chatserver.copies.backup.manifest import FILE, peek
from tests.backup.planted_files import an_older_part, older_records
from tests.backup.planting import Three, Way, changed, rewritten


def cut_manifest(of: Three) -> None:
    path = of.this / FILE
    path.write_bytes(path.read_bytes()[:-65])


def manifest_without_newline(of: Three) -> None:
    path = of.this / FILE
    path.write_bytes(path.read_bytes()[:-1])


def empty_manifest(of: Three) -> None:
    (of.this / FILE).write_bytes(b"")


def zeros_for_a_manifest(of: Three) -> None:
    path = of.this / FILE
    path.write_bytes(bytes(path.stat().st_size))


def two_manifests(of: Three) -> None:
    path = of.this / FILE
    path.write_bytes(path.read_bytes() * 2)


def counts(of: Three) -> None:
    found = peek(of.this).counts
    rewritten(of.this, counts=changed(found, events=found.events - 1))


def record_counts(of: Three) -> None:
    found = peek(of.this).counts
    rewritten(of.this, counts=changed(found, records=found.records + 1))


def another_salt(of: Three) -> None:
    rewritten(of.this, salt=bytes(16).hex())


def no_salt(of: Three) -> None:
    rewritten(of.this, salt="x")


def another_name(of: Three) -> None:
    rewritten(of.this, name=of.older.name)


def a_stream_less(of: Three) -> None:
    streams = peek(of.this).streams
    rewritten(of.this, streams={name: it for name, it in streams.items() if name != "late"})


def a_part_less(of: Three) -> None:
    streams = peek(of.this).streams
    rewritten(of.this, streams=streams | {"events": streams["events"][:-1]})


def parts_in_another_order(of: Three) -> None:
    streams = peek(of.this).streams
    rewritten(of.this, streams=streams | {"events": streams["events"][::-1]})


def a_part_twice(of: Three) -> None:
    streams = peek(of.this).streams
    first, *rest = streams["events"]
    rewritten(of.this, streams=streams | {"events": [first, first, *rest]})


def streams_exchanged(of: Three) -> None:
    streams = peek(of.this).streams
    rewritten(of.this, streams=streams | {"late": streams["records"], "records": streams["late"]})


def no_parts(of: Three) -> None:
    rewritten(of.this, streams=peek(of.this).streams | {"late": []})


def not_encrypted(of: Three) -> None:
    rewritten(of.this, key=None if of.key else "00" * 8)


def an_older_part_with_its_checksum(of: Three) -> None:
    """By somebody who cannot open it, or a program that mixes up two backups."""
    an_older_part(of)
    streams, older = peek(of.this).streams, peek(of.older).streams
    rewritten(of.this, streams=streams | {"events": [older["events"][0], *streams["events"][1:]]})


def an_older_stream_with_its_checksums(of: Three) -> None:
    older_records(of)
    older = peek(of.older).streams["records"]
    rewritten(of.this, streams=peek(of.this).streams | {"records": older})


MANIFESTS: tuple[Way, ...] = (
    cut_manifest,
    manifest_without_newline,
    empty_manifest,
    zeros_for_a_manifest,
    two_manifests,
    counts,
    record_counts,
    another_salt,
    no_salt,
    another_name,
    a_stream_less,
    a_part_less,
    parts_in_another_order,
    a_part_twice,
    streams_exchanged,
    no_parts,
    not_encrypted,
    an_older_part_with_its_checksum,
    an_older_stream_with_its_checksums,
)
