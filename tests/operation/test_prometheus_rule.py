"""The alert rules for the Prometheus operator: generated from those of Prometheus, and none is lost on the way."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import tools
from tests.operation.manifests import KUBERNETES

SAMPLE = """\
# A comment that stays.
groups:
  - name: some
    rules:
      # Why the threshold is 1.
      - alert: Some
        expr: |
          sum by (job) (up)
            < 1
        annotations: {summary: "{{ $labels.job }} is down"}
"""
OTHER = """\
groups:

  - name: other
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of deploy/ with the generator, and rules of a test."""
    shutil.copytree(KUBERNETES, tmp_path / "deploy/kubernetes")
    rules = tmp_path / "deploy/observe/rules"
    rules.mkdir(parents=True)
    (rules / "a.yml").write_text(SAMPLE)
    (rules / "b.yml").write_text(OTHER)
    (rules / "outside.yml").write_text(OTHER.replace("other", "outside"))
    return tmp_path / "deploy"


def generate(deploy: Path) -> subprocess.CompletedProcess[str]:
    command = [str(deploy / "kubernetes/make-prometheus-rule")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def groups(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text())["groups"]
    return found


def test_each_rule_is_there_and_prometheus_reads_them(folder: Path, tmp_path: Path) -> None:
    assert generate(folder).returncode == 0
    text = (folder / "kubernetes/components/monitoring/prometheus-rule.yaml").read_text()
    assert "# Why the threshold is 1." in text
    document = yaml.safe_load(text)
    assert document["kind"] == "PrometheusRule"
    rules = folder / "observe/rules"
    assert document["spec"]["groups"] == [*groups(rules / "a.yml"), *groups(rules / "b.yml")]
    spec = tmp_path / "spec.yml"
    spec.write_text(yaml.safe_dump(document["spec"]))
    command = [tools.need_tool("promtool"), "check", "rules", str(spec)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "2 rules found" in done.stdout


@pytest.mark.parametrize("text", ["", "rules: []\n", f"{SAMPLE}groups:\n", f"{SAMPLE}more: 1\n"])
def test_a_file_of_another_form_is_refused(folder: Path, text: str) -> None:
    (folder / "observe/rules/a.yml").write_text(text)
    done = generate(folder)
    assert done.returncode == 1
    assert "make-prometheus-rule: " in done.stderr and "a.yml:" in done.stderr


def test_without_rules_nothing_is_written(folder: Path) -> None:
    target = folder / "kubernetes/components/monitoring/prometheus-rule.yaml"
    target.unlink(missing_ok=True)
    shutil.rmtree(folder / "observe")
    assert generate(folder).returncode == 1
    assert not target.exists()


def test_the_file_is_what_is_generated(tmp_path: Path) -> None:
    """`deploy/kubernetes/make-prometheus-rule` was run after the last change of a rule."""
    target = "kubernetes/components/monitoring/prometheus-rule.yaml"
    shutil.copytree(tools.ROOT / "deploy", tmp_path / "deploy", ignore=lambda *_: ["secrets"])
    assert generate(tmp_path / "deploy").returncode == 0
    assert (tmp_path / "deploy" / target).read_text() == (
        tools.ROOT / "deploy" / target
    ).read_text()
