"""The Containerfile and the compose file, each by its own tool, and what those can't see."""

import re
import subprocess
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

NeedTool = Callable[[str], str]


@pytest.fixture
def services(deploy: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    return services


def test_hadolint_accepts_the_containerfile(need_tool: NeedTool, deploy: Path) -> None:
    command = [
        need_tool("hadolint"),
        "--failure-threshold",
        "info",
        str(deploy / "image/Containerfile"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_containerfile_copies_only_what_the_build_context_has(deploy: Path) -> None:
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (deploy / "image/Containerfile").read_text(), re.M
    )
    sources = {source for copy in copies for source in copy.split()}
    ignore = (deploy.parent / ".dockerignore").read_text().splitlines()
    assert sources == {line[1:] for line in ignore if line.startswith("!")}
    assert all((deploy.parent / source).exists() for source in sources)


def test_the_image_does_not_run_as_root(deploy: Path) -> None:
    final = (deploy / "image/Containerfile").read_text().rpartition("FROM ")[2]
    users = re.findall(r"^USER (\d+)", final, re.M)
    assert users and users[-1] != "0"
    assert "/health/live" in final


def test_the_compose_file_fits_the_compose_schema(need_tool: NeedTool, deploy: Path) -> None:
    command = [need_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run(
        [*command, str(deploy / "compose.yaml")], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", ["app", "mongo"])
def test_each_container_is_confined(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service and "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]


def test_the_database_is_reached_by_the_server_alone(deploy: Path) -> None:
    compose = yaml.safe_load((deploy / "compose.yaml").read_text())
    assert compose["services"]["mongo"]["networks"] == ["back"]
    assert "ports" not in compose["services"]["mongo"]
    assert compose["networks"]["back"]["internal"] is True


def test_the_database_never_offers_zlib(services: dict[str, Any]) -> None:
    command = " ".join(services["mongo"]["command"])
    compressors = re.search(r"--networkMessageCompressors (\S+)", command)
    assert compressors and "zlib" not in compressors[1]


def test_the_server_believes_the_proxy_on_the_host_alone(deploy: Path) -> None:
    compose = yaml.safe_load((deploy / "compose.yaml").read_text())
    app = compose["services"]["app"]
    [network] = compose["networks"]["front"]["ipam"]["config"]
    assert app["environment"]["CHATSERVER_SERVER__TRUSTED_PROXIES"] == network["gateway"]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    assert all(port.startswith("127.0.0.1:") for port in app["ports"])


def test_a_container_is_given_the_time_to_drain(services: dict[str, Any]) -> None:
    assert int(services["app"]["stop_grace_period"].removesuffix("s")) > 30


def test_make_secrets_writes_every_secret_once(
    need_tool: NeedTool, deploy: Path, tmp_path: Path
) -> None:
    need_tool("openssl")
    folder = tmp_path / "secrets"
    command = [str(deploy / "make-secrets"), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    secrets = yaml.safe_load((deploy / "compose.yaml").read_text())["secrets"].values()
    assert {path.name for path in folder.iterdir()} == {Path(s["file"]).name for s in secrets}
    assert folder.stat().st_mode & 0o077 == 0
    uri = (folder / "mongo_uri").read_text()
    assert (folder / "mongo_password").read_text() in uri

    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert (folder / "mongo_uri").read_text() == uri
