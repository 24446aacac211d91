"""Lists the packages of an image as CycloneDX 1.6, from the files in it.

    python3 deploy/image/sbom.py IMAGE >sbom.cdx.json         with docker or podman, or the one that ENGINE names
    docker export CONTAINER | python3 deploy/image/sbom.py - >sbom.cdx.json

Debian's packages are read from dpkg's list, Python's from their metadata. The output names no time, so it is the same
whenever the image is. It needs nothing but Python's standard library.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from typing import IO, Any
from urllib.parse import quote

DPKG = re.compile(r"var/lib/dpkg/status|var/lib/dpkg/status\.d/[^/]+")
METADATA = re.compile(r".*/(?:site|dist)-packages/[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)")
SERVER = "pluggable-chatserver"


class Contents:
    """What the image's files say of its packages."""

    def __init__(self, archive: IO[bytes]) -> None:
        """Read a tar file of the root file system. Raises `tarfile.ReadError` if it is none."""
        self.debian: list[dict[str, str]] = []
        self.python: list[dict[str, Any]] = []
        self.interpreter = ""  # the version of the Python that runs the server
        self.distribution = ""  # as in "debian-13"
        with tarfile.open(fileobj=archive, mode="r|*") as files:
            for file in files:
                name = file.name.removeprefix("./")
                if file.isfile() and (reader := files.extractfile(file)):
                    self._read(name, reader)

    def _read(self, name: str, reader: IO[bytes]) -> None:
        if DPKG.fullmatch(name):
            stanzas = reader.read().decode().split("\n\n")
            packages = [_fields(stanza) for stanza in stanzas if stanza.strip()]
            self.debian += [each for each in packages if _is_installed(each)]
        elif METADATA.fullmatch(name):
            self.python.append(_metadata(reader.read().decode()))
        elif name.endswith("/pyvenv.cfg"):
            found = re.search(r"^version = (\S+)$", reader.read().decode(), re.M)
            self.interpreter = found[1] if found else ""
        elif name in ("etc/os-release", "usr/lib/os-release"):
            told = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', reader.read().decode(), re.M))
            self.distribution = f"{told.get('ID', 'linux')}-{told.get('VERSION_ID', '0')}"


def bill(contents: Contents) -> dict[str, Any]:
    """The document, with its parts in an order that does not change."""
    libraries = [_debian(each, contents.distribution) for each in contents.debian]
    libraries += [_python(each) for each in contents.python if each["name"] != SERVER]
    if contents.interpreter and not any(each["Package"] == "python3" for each in contents.debian):
        libraries.append(_component("python", contents.interpreter, "pkg:generic/python", []))
    libraries.sort(key=lambda component: component["bom-ref"])
    servers = [_python(each) for each in contents.python if each["name"] == SERVER]
    if len(servers) != 1:
        raise SystemExit(
            f"sbom.py: this is no image of the server: {SERVER} is in it {len(servers)} times"
        )
    server = servers[0] | {"type": "container"}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": server},
        "components": libraries,
        "dependencies": _dependencies(contents, server, libraries),
    }


def _fields(stanza: str) -> dict[str, str]:
    """The fields of a stanza of Debian's control files, without lines that continue one."""
    lines = [line.partition(": ") for line in stanza.splitlines() if not line.startswith(" ")]
    return {name.rstrip(":"): value for name, _, value in lines}


def _is_installed(package: dict[str, str]) -> bool:
    return package.get("Status", "install ok installed").endswith(" installed")


def _metadata(text: str) -> dict[str, Any]:
    headers = HeaderParser().parsestr(text)
    classifiers = [
        each for each in headers.get_all("Classifier", []) if each.startswith("License :: ")
    ]
    said = headers.get("License-Expression") or headers.get("License") or ""
    if len(said.splitlines()) != 1 or said == "UNKNOWN":  # some give the whole text
        said = classifiers[0].rpartition(" :: ")[2] if classifiers else ""
    needs = [each for each in headers.get_all("Requires-Dist", []) if "extra ==" not in each]
    names = [re.match(r"[A-Za-z0-9._-]+", each) for each in needs]
    is_expression = bool(headers.get("License-Expression"))
    return {
        "name": _normalized(headers["Name"]),
        "version": headers["Version"],
        "licenses": [_license(said.strip(), is_expression)] if said.strip() else [],
        "needs": {_normalized(name[0]) for name in names if name},
    }


def _license(said: str, is_expression: bool) -> dict[str, Any]:
    return {"expression": said} if is_expression else {"license": {"name": said}}


def _normalized(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _debian(package: dict[str, str], distribution: str) -> dict[str, Any]:
    vendor = distribution.partition("-")[0] or "debian"
    qualifiers = f"?arch={package['Architecture']}&distro={distribution}"
    return _component(
        package["Package"],
        package["Version"],
        f"pkg:deb/{vendor}/{package['Package']}",
        [],
        qualifiers,
    )


def _python(package: dict[str, Any]) -> dict[str, Any]:
    purl = f"pkg:pypi/{package['name']}"
    return _component(package["name"], package["version"], purl, package["licenses"])


def _component(
    name: str, version: str, purl: str, licenses: list[dict[str, Any]], qualifiers: str = ""
) -> dict[str, Any]:
    purl = f"{purl}@{quote(version, safe='.~-+')}{qualifiers}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }
    return component | ({"licenses": licenses} if licenses else {})


def _dependencies(
    contents: Contents, server: dict[str, Any], libraries: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Python's own; for the server all parts of the image, since the image is what it names."""
    refs = {
        each["name"]: each["bom-ref"] for each in libraries if each["purl"].startswith("pkg:pypi/")
    }
    graph = [{"ref": server["bom-ref"], "dependsOn": [each["bom-ref"] for each in libraries]}]
    for package in sorted(contents.python, key=lambda each: str(each["name"])):
        needs = sorted(refs[name] for name in package["needs"] if name in refs)
        if package["name"] in refs and needs:
            graph.append({"ref": refs[package["name"]], "dependsOn": needs})
    return graph


@contextmanager
def _exported(image: str) -> Iterator[IO[bytes]]:
    """The files of an image, as a tar stream."""
    names = (os.environ.get("ENGINE") or "docker podman").split()
    engine = next((found for name in names if (found := shutil.which(name))), None)
    if engine is None:
        raise SystemExit(f"sbom.py: not installed: {' or '.join(names)}")
    create = [engine, "create", image]
    created = subprocess.run(create, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    container = created.stdout.strip()
    try:
        command = [engine, "export", container]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as export:  # noqa: S603
            assert export.stdout is not None
            yield export.stdout
        if export.returncode != 0:
            raise SystemExit(f"sbom.py: {engine} export failed")
    finally:
        command = [engine, "rm", container]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: sbom.py IMAGE, or sbom.py - <ARCHIVE.tar")
    try:
        if sys.argv[1] == "-":
            contents = Contents(sys.stdin.buffer)
        else:
            with _exported(sys.argv[1]) as archive:
                contents = Contents(archive)
    except tarfile.ReadError as error:
        raise SystemExit(f"sbom.py: no tar file: {error}") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error
    json.dump(bill(contents), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
