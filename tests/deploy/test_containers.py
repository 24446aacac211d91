"""The Containerfile and the compose file, each by its own tool, and what those can't see."""

import re
import subprocess
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatserver.config import load
from chatserver.config.sections import PluginsConfig

NeedTool = Callable[[str], str]


@pytest.fixture
def compose(deploy: Path) -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load((deploy / "compose/compose.yaml").read_text())
    return compose


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, Any]:
    services: dict[str, Any] = compose["services"]
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
    text = (deploy / "image/Containerfile").read_text()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
    sources = {source for copy in copies for source in copy.split()}
    for folder, script in re.findall(
        r"--mount=type=bind,source=(\S+),target=/mnt sh /mnt/(\S+)", text
    ):
        sources.add(f"{folder}/{script}")
    ignore = (deploy.parent / ".dockerignore").read_text().splitlines()
    assert sources == {line[1:] for line in ignore if line.startswith("!")}
    assert all((deploy.parent / source).exists() for source in sources)


@pytest.mark.parametrize(
    ("plugins", "engine"),
    [("buildx", "docker buildx build"), ("", "podman build")],
)
def test_the_image_is_built_by_the_first_engine_that_can(
    deploy: Path, tmp_path: Path, plugins: str, engine: str
) -> None:
    """Debian's docker.io comes without buildx, and then says only `unknown flag: --output`."""
    for name, knows in (("docker", plugins), ("podman", "build")):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\n[ "$1" = "{knows}" ] || exit 1\necho {name} "$@"\n')
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SOURCE_DATE_EPOCH": "0"}
    run = subprocess.run(
        [str(deploy / "image/build")], env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.startswith(engine), run.stderr


def test_the_image_does_not_run_as_root(deploy: Path) -> None:
    final = (deploy / "image/Containerfile").read_text().rpartition("FROM ")[2]
    users = re.findall(r"^USER (\d+)", final, re.M)
    assert users and users[-1] != "0"
    assert "/health/live" in final


def test_the_compose_file_fits_the_compose_schema(need_tool: NeedTool, deploy: Path) -> None:
    command = [need_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run(
        [*command, str(deploy / "compose/compose.yaml")], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service and "privileged" not in service, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert {"mem_limit", "cpus", "pids_limit"} <= service.keys(), name
        user = service.get("user", "of the image")
        assert user == "of the image" if "CHATSERVER_IMAGE" in service["image"] else user[0] != "0"


def test_each_service_belongs_to_a_profile_and_gets_secrets_as_files(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        assert set(service["profiles"]) & {"app", "scale", "observe"}, name
        assert set(service.get("secrets", [])) <= compose["secrets"].keys(), name
        for variable, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|URI|TOKEN|KEY", variable)
            assert not secret or value.startswith("/run/secrets/"), (name, variable)


def test_each_part_that_serves_has_a_health_check(services: dict[str, Any]) -> None:
    """The server's is in the image; the exporter of MongoDB has no program to ask with."""
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"app", "app1", "app2", "app3", "mongodb-exporter"}


def test_the_database_is_reached_by_what_needs_it_alone(compose: dict[str, Any]) -> None:
    assert compose["networks"]["store"]["internal"] is True
    beside = {
        name for name, each in compose["services"].items() if "store" in each.get("networks", [])
    }
    servers = {"app", "app1", "app2", "app3"}
    members = {"mongo1", "mongo2", "mongo3"}
    assert beside == servers | members | {"mongodb-exporter"}
    for name in members:
        assert compose["services"][name]["networks"] == ["store"]
        assert "ports" not in compose["services"][name]


def test_the_database_never_offers_zlib(services: dict[str, Any]) -> None:
    for name in ("mongo1", "mongo2", "mongo3"):
        command = " ".join(services[name]["entrypoint"])
        compressors = re.search(r"--networkMessageCompressors (\S+)", command)
        assert compressors and "zlib" not in compressors[1]


def test_the_server_believes_the_proxy_on_the_host_alone(compose: dict[str, Any]) -> None:
    app = compose["services"]["app"]
    [network] = compose["networks"]["front"]["ipam"]["config"]
    assert app["environment"]["CHATSERVER_SERVER__TRUSTED_PROXIES"] == network["gateway"]
    assert ip_address(default(network["gateway"])) in ip_network(default(network["subnet"]))
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_nodes_believe_the_balancer_alone(compose: dict[str, Any]) -> None:
    address = compose["services"]["balancer"]["networks"]["balanced"]["ipv4_address"]
    [network] = compose["networks"]["balanced"]["ipam"]["config"]
    assert ip_address(default(address)) in ip_network(default(network["subnet"]))
    for name in ("app1", "app2", "app3"):
        environment = compose["services"][name]["environment"]
        assert environment["CHATSERVER_SERVER__TRUSTED_PROXIES"] == address


def default(value: str) -> str:
    """The value of a variable of compose that nobody sets."""
    found = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
    assert found
    return found[1]


def test_a_container_is_given_the_time_to_drain(services: dict[str, Any], deploy: Path) -> None:
    """A server ends within 80 seconds after its drain: docs/operating.md."""
    production = (deploy.parent / "config/production.toml").read_text()
    drain = re.search(r"^drain_seconds = ([0-9.]+)$", production, re.M)
    assert drain
    for name in ("app", "app1", "app2", "app3"):
        grace = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= float(drain[1]) + 80


@pytest.mark.parametrize("name", ["app", "app1", "app2", "app3"])
def test_files_of_users_are_where_all_servers_find_them(
    name: str, services: dict[str, Any]
) -> None:
    key = "CHATSERVER_PLUGINS__ENABLED"
    environ = {key: services[name]["environment"][key]}
    enabled = load("production", environ=environ).config.plugins.enabled
    defaults = [each for each in PluginsConfig().enabled if each != "disk_blobs"]
    assert enabled == [*defaults, *([] if name == "app" else ["nats_bus"]), "gridfs"]


def test_make_secrets_writes_every_secret_once(
    need_tool: NeedTool, compose: dict[str, Any], deploy: Path, tmp_path: Path
) -> None:
    need_tool("openssl")
    folder = tmp_path / "secrets"
    command = [str(deploy / "compose/make-secrets"), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    written = {path.name for path in folder.iterdir()}
    assert {Path(each["file"]).name for each in compose["secrets"].values()} <= written
    assert Path(compose["services"]["mongodb-exporter"]["env_file"][0]).name in written
    assert folder.stat().st_mode & 0o077 == 0
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert before[folder / "mongo_password"] in before[folder / "mongo_uri"]
    # A server that is started while one member is down asks the others.
    members = compose["services"]["replicas"]["command"]
    hosts = before[folder / "mongo_uri"].partition("@")[2].partition("/")[0]
    assert hosts.split(",") == [f"{member}:27017" for member in members]
    assert before[folder / "nats_token"] in before[folder / "nats_authorization"]

    (folder / "grafana_password").unlink()
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    after = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before[path]} == {folder / "grafana_password"}
