"""The URLs of targets: what is refused, and what may be shown."""

import pytest

from chatserver import StartupError
from chatserver.config import BackupConfig
from chatserver.copies.targets.urls import configured_targets, name_of, target_of
from chatserver.hooks.targets import BackupScheme
from chatserver_plugins.s3.config import Bucket
from chatserver_plugins.sftp.config import Account
from tests.backup.targets import MemoryTarget

REMOTE = BackupScheme("memory", lambda url: MemoryTarget())


def test_a_name_has_no_parameters() -> None:
    assert name_of("s3://bucket/a/b?endpoint=http://host") == "s3://bucket/a/b"
    assert name_of("sftp://me@host:2222/backups/") == "sftp://me@host:2222/backups"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sftp://me:hush@host/backups", "a password does not belong into a URL"),
        ("/mnt/other", "expected URLs such as"),
        ("s3://", "expected URLs such as"),
        ("s3://bucket/a#b", "may not have a #"),
        ("sftp://me@host:port/a", "not a URL"),
        ("s4://bucket", "no plugin knows s4://, only file://, memory://"),
        ("s3://bucket", "add s3 to plugins.enabled"),
        ("file://mnt/other", "expected an absolute path"),
        ("file:///mnt/other?lock=compliance", "no parameters"),
    ],
)
def test_wrong_urls_are_refused_without_their_secrets(url: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as raised:
        target_of(url, [REMOTE])
    assert str(raised.value).startswith("backup.targets: ")
    assert "hush" not in str(raised.value)


def test_plain_backups_stay_on_the_machine_unless_allowed() -> None:
    config = BackupConfig(targets=["file:///tmp", "memory://x"])
    with pytest.raises(StartupError, match=r"memory://x.* must be encrypted: set backup.key_file"):
        configured_targets(config, False, [REMOTE])
    assert len(configured_targets(config, True, [REMOTE])) == 2
    allowed = BackupConfig(targets=["memory://x"], allow_plain_targets=True)
    assert len(configured_targets(allowed, False, [REMOTE])) == 1
    assert len(configured_targets(BackupConfig(targets=["file:///tmp"]), False, [])) == 1


def test_a_target_is_named_once() -> None:
    twice = BackupConfig(targets=["file:///tmp", "file:///tmp/"])
    with pytest.raises(StartupError, match="listed twice"):
        configured_targets(twice, True, [])


def test_a_bucket_is_read_from_its_url() -> None:
    found = Bucket.of(
        "s3://name/some/where/?endpoint=https%3A%2F%2Fhost&lock=governance&lock_days=7"
    )
    assert found[:3] == ("name", "some/where/", "https://host")
    assert (found.mode, found.lock_days, found.as_of) == ("GOVERNANCE", 7.0, None)
    assert Bucket.of("s3://name").lock_days == 0
    assert Bucket.of("s3://name?lock=compliance").lock_days == 30


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("lock=yes", "expected compliance or governance"),
        ("lock_days=3", "with it"),
        ("lock=compliance&lock_days=0", "expected a number of days"),
        ("lock=compliance&lock_days=nan", "expected a number of days"),
        ("endpoint=host", "expected https://host"),
        ("secret_key=x", "there is no such parameter"),
        ("as_of=2026-11-25T10:00:00", "with its zone"),
    ],
)
def test_wrong_parameters_of_a_bucket_are_refused(query: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Bucket.of(f"s3://name?{query}")


def test_an_account_is_read_from_its_url() -> None:
    assert Account.of("sftp://me@host/srv/backups") == ("me", "host", 22, "/srv/backups")
    for url in ("sftp://host/srv", "sftp://me@host", "sftp://me@host/srv?x=1"):
        with pytest.raises(ValueError, match="sftp://"):
            Account.of(url)
