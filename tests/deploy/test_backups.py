"""The timer and the CronJob make a backup: their commands are run, and the manifest fits Kubernetes."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from chatserver.cli import main
from chatserver.config import load
from chatserver.copies.backup.verify import verified_at
from tests.backup.machine import Machine

KUBERNETES = "1.34"  # of the schemas


@pytest.fixture
def documents(deploy: Path) -> list[dict[str, Any]]:
    text = (deploy / "kubernetes/base/backup.yaml").read_text()
    return list(yaml.safe_load_all(text))


@pytest.fixture
def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    [cron] = [each for each in documents if each["kind"] == "CronJob"]
    spec: dict[str, Any] = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def test_the_manifest_fits_the_schemas(documents: list[dict[str, Any]]) -> None:
    import kubernetes_validate  # takes seconds, which each process of tests would spend

    assert documents
    for document in documents:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own, about how it finds its schemas
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*pod["initContainers"], *pod["containers"]]


def test_each_container_is_confined(pod: dict[str, Any], deploy: Path) -> None:
    [user] = re.findall(r"^USER (\d+):\d+$", (deploy / "image/Containerfile").read_text(), re.M)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["automountServiceAccountToken"] is False
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_its_variables_are_settings_with_mounted_files(
    pod: dict[str, Any], deploy: Path, tmp_path: Path
) -> None:
    volumes = {each["name"] for each in pod["volumes"]}
    for container in containers(pod):
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
        mounts = [each["mountPath"] for each in container["volumeMounts"]]
        given = {}
        for variable in container["env"]:
            assert any(Path(variable["value"]).is_relative_to(mount) for mount in mounts)
            file = tmp_path / variable["name"]
            file.write_text("mongodb://db")
            given[variable["name"]] = str(file)
        settings = deploy / "kubernetes/base/production.toml"
        config = load(str(settings), environ=given).config  # an unknown one is refused
        assert config.backup.folder in mounts
        assert config.plugin["mongo"]["uri"] == "mongodb://db"


def unit_commands(deploy: Path) -> list[list[str]]:
    text = (deploy / "systemd/chatserver-backup.service").read_text()
    lines = re.findall(r"^ExecStart=/opt/chatserver/bin/chatserver (.+)$", text, re.M)
    return [line.split() for line in lines]


@pytest.mark.parametrize("what", ["systemd", "kubernetes"])
def test_its_commands_make_and_verify_a_backup(
    what: str, deploy: Path, pod: dict[str, Any], tmp_path: Path
) -> None:
    commands = (
        unit_commands(deploy) if what == "systemd" else [each["args"] for each in containers(pod)]
    )
    environ = {
        "CHATSERVER_PLUGINS__ENABLED": "sqlite,password",  # the rest is as in production
        "CHATSERVER_SERVER__DATA": str(tmp_path / "data"),
        "CHATSERVER_BACKUP__FOLDER": str(tmp_path / "backups"),
    }
    assert [command[0] for command in commands] == ["backup", "backup"]
    Machine(tmp_path).fill()
    for command in commands:
        done = CliRunner().invoke(main, command, prog_name="chatserver", env=environ)
        assert done.exit_code == 0, done.stderr
    [backup] = (tmp_path / "backups").glob("chatserver-*")
    assert verified_at(backup)
