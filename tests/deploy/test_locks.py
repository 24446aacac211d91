"""deploy/locks against setup.cfg, and images and actions that are named by their hashes."""

import configparser
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy/locks"
# The extras in each lock; the image needs all that plugins of ours import.
EXTRAS = {
    "image": {
        "backup",
        "postgres",
        "redis",
        "nats",
        "kafka",
        "ldap",
        "graphiql",
        "passkeys",
        "s3",
        "sftp",
        "smtp",
        "oidc",
        "deploy",
        "opentelemetry",
    },
    "ci": {"test", "lint"},
}


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text: str) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def wanted(extras: set[str]) -> list[Requirement]:
    """All that the package asks for with these extras; an extra may name others of ours."""
    options = setup()
    found = requirements(options["options"]["install_requires"])
    for extra in extras:
        for requirement in requirements(options["options.extras_require"][extra]):
            if requirement.name == options["metadata"]["name"]:
                found += wanted(requirement.extras)
            else:
                found.append(requirement)
    return found


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Each package of a lock, with its hashes."""
    text = (LOCKS / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        head, *hashes = line.split(" --hash=")
        requirement = Requirement(head.strip())
        found[canonicalize_name(requirement.name)] = (
            requirement,
            [each.strip() for each in hashes],
        )
    return found


@pytest.mark.parametrize("name", ["image", "ci", "build"])
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    for requirement, hashes in locked(name).values():
        assert [each.operator for each in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement
    assert "://" not in (LOCKS / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_holds_what_the_package_asks_for(name: str) -> None:
    """`make locks` was run after the last change of setup.cfg."""
    lock = locked(name)
    for requirement in wanted(EXTRAS[name]):
        found = lock.get(canonicalize_name(requirement.name))
        assert found, f"{requirement} is not in deploy/locks/{name}.txt: run make locks"
        version = next(iter(found[0].specifier)).version
        assert requirement.specifier.contains(version), f"{requirement}: {version} is locked"


@pytest.mark.parametrize("name", ["image", "ci", "build"])
def test_no_lock_is_below_a_floor(name: str) -> None:
    lock = locked(name)
    for floor in requirements((ROOT / "deploy/floors.txt").read_text("utf-8")):
        if found := lock.get(canonicalize_name(floor.name)):
            assert floor.specifier.contains(next(iter(found[0].specifier)).version), floor


def test_the_image_has_the_extra_of_every_plugin() -> None:
    """Optional extras of the package, but those that are programs."""
    extras = set(setup()["options.extras_require"]) - {"test", "lint", "mongod", "node"}
    assert EXTRAS["image"] == extras


def test_the_image_installs_from_hashes_alone() -> None:
    commands = (ROOT / "deploy/image/Containerfile").read_text("utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip[^&\n]* (?:install|wheel) [^&\n]*", commands)
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or ("--no-deps" in install and "--no-index" in install)


def test_base_images_are_named_by_their_digest() -> None:
    digest = re.compile(r"@sha256:[0-9a-f]{64}$")
    containerfile = (ROOT / "deploy/image/Containerfile").read_text("utf-8")
    base = re.findall(r"^ARG BASE=(\S+)$", containerfile, re.M)
    assert len(base) == 1 and digest.search(base[0])
    assert set(re.findall(r"^FROM (\S+)", containerfile, re.M)) == {"${BASE}"}
    services = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text("utf-8"))["services"]
    for name, service in services.items():
        assert "CHATSERVER_IMAGE" in service["image"] or digest.search(service["image"]), name


def test_actions_and_their_containers_are_named_by_their_hash() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            if "container" in job:
                assert re.search(r"@sha256:[0-9a-f]{64}$", job["container"]), path
            for step in job.get("steps", ()):
                if "uses" in step:
                    assert re.search(r"@[0-9a-f]{40}$", step["uses"]), step


def test_versions_in_both_locks_agree() -> None:
    image, ci = locked("image"), locked("ci")
    for name in image.keys() & ci.keys():
        versions = [Version(next(iter(lock[name][0].specifier)).version) for lock in (image, ci)]
        assert versions[0] == versions[1], name
