"""The rules, Prometheus's and Alertmanager's configuration, by promtool and amtool; alerts against tests and pages."""

import re
import subprocess
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml

from chatserver.cli import main
from tests.operation.observing import shortened
from tests.operation.observing.programs import Program
from tests.tools import ROOT, need_tool
from tests.waiting import wait_until

OBSERVE = ROOT / "deploy/observe"
RULES = sorted((OBSERVE / "rules").glob("*.yml"))
TESTS = sorted((OBSERVE / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs/runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
METRIC = re.compile(r"\b[a-z][a-z0-9_]*_[a-z0-9_]+\b|\bup\b")
# Words of the query language that look like names of metrics.
WORDS = {"histogram_quantile", "max_over_time", "avg_over_time"}
# Metrics of other programs that the rules use, by the program that must show them.
FOREIGN = {
    "prometheus-node-exporter": {
        *("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
        *("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    },
    "prometheus-alertmanager": {"alertmanager_notifications_failed_total"},
    "prometheus": {
        "prometheus_notifications_alertmanagers_discovered",
        "prometheus_notifications_errors_total",
        "prometheus_rule_evaluation_failures_total",
    },
    "prometheus-blackbox-exporter": {"probe_success", "probe_ssl_earliest_cert_expiry"},
}


def run(tool: str, *arguments: object) -> str:
    done = subprocess.run(
        [need_tool(tool), *map(str, arguments)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> dict[str, list[dict[str, Any]]]:
    """The rules of each alert; several if it has several windows."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found.setdefault(rule["alert"], []).append(rule)
    return found


def recorded() -> set[str]:
    return {
        rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def expressions() -> list[str]:
    return [
        rule["expr"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_the_rules_are_valid(path: Path) -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_the_configurations_are_valid() -> None:
    run("promtool", "check", "config", OBSERVE / "prometheus.yml")
    run("amtool", "check-config", OBSERVE / "alertmanager/alertmanager.yml")
    blackbox = OBSERVE / "blackbox.yml"
    run("prometheus-blackbox-exporter", "--config.check", f"--config.file={blackbox}")


@pytest.mark.parametrize("path", [*RULES, OBSERVE / "prometheus.yml"], ids=lambda path: path.name)
def test_a_mistake_is_refused(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / path.name
    mistaken = re.sub(r"\b(expr|scrape_configs): ", r"\1: ))", path.read_text(), count=1)
    broken.write_text(mistaken.replace("scrape_configs:\n", "scrape_configs: ))\n", 1))
    kind = "config" if path.name == "prometheus.yml" else "rules"
    done = subprocess.run([need_tool("promtool"), "check", kind, str(broken)], capture_output=True)
    assert done.returncode != 0


def test_every_alert_is_tested_both_ways() -> None:
    fire, stay = set[str](), set[str]()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for each in test["alert_rule_test"]:
                (fire if each["exp_alerts"] else stay).add(each["alertname"])
    assert fire == set(alerts())
    assert set(alerts()) - stay == {"Watchdog"}  # it always fires


def test_every_alert_says_what_it_must() -> None:
    for name, rules in alerts().items():
        for rule in rules:
            assert rule["labels"]["severity"] in {"critical", "warning", "none"}, name
            assert (rule["labels"]["severity"] == "none") == (name == "Watchdog")
            annotations = rule["annotations"]
            assert set(annotations) == {"summary", "description", "runbook_url"}, name
            assert annotations["runbook_url"].endswith(f"/runbooks/{name}.md")
            assert len(annotations["summary"]) < 80 and annotations["description"].endswith("."), (
                name
            )


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts())


@pytest.mark.parametrize("name", sorted(alerts()))
def test_a_page_has_its_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    for title in SECTIONS:
        part = text.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()
        assert len(part) > 20, title


def test_the_table_of_the_page_has_every_alert_as_it_is() -> None:
    text = (ROOT / "docs/watching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`(\w+)`\]\(runbooks/\1\.md\) \| (.+?) \| (.+?) \| .+ \|$", text, re.M)
    wanted = {
        name: (
            ", ".join(dict.fromkeys(rule["labels"]["severity"] for rule in rules)),
            ", ".join(rule.get("for", "at once") for rule in rules),
        )
        for name, rules in alerts().items()
    }
    assert {name: (severity, lasting) for name, severity, lasting in rows} == wanted


def test_the_page_says_what_is_made_to_fire() -> None:
    text = (ROOT / "docs/watching.md").read_text(encoding="utf-8")
    caused = text.partition("## What was made to fire")[2]
    assert set(re.findall(r"`(\w+)`", caused)) & set(alerts()) == set(alerts()) - {"Watchdog"}


def test_rules_use_only_metrics_that_exist() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"^- `(\w+)`", page, re.M))
    known = ours | set().union(*FOREIGN.values()) | {"up"}
    for expression in expressions():
        bare = re.sub(r"\"[^\"]*\"|'[^']*'", _names_only, expression)
        bare = re.sub(r"\b(by|on|without|ignoring) *\([^)]*\)", "", bare)
        bare = re.sub(r"(?<=[{,]) *\w+ *(?=!?=)", "", bare)  # labels, also __name__
        for record in recorded():
            bare = bare.replace(record, "")
        for name in set(METRIC.findall(bare)) - WORDS:
            plain = re.sub(r"_(bucket|count|sum)$", "", name)
            assert name in known or plain in known, (name, expression)


def _names_only(text: re.Match[str]) -> str:
    """The text between quotes if it lists names of metrics."""
    inside = text[0][1:-1]
    return f" {inside.replace('|', ' ')} " if "_seconds|" in inside else " "


@pytest.mark.parametrize("tool", sorted(FOREIGN))
def test_other_programs_show_the_metrics_that_the_rules_use(tool: str, tmp_path: Path) -> None:
    path = "/metrics"
    arguments = ["--web.listen-address=127.0.0.1:{port}"]
    ready = "/metrics"
    if tool == "prometheus-alertmanager":
        (tmp_path / "secrets").mkdir()
        config = shortened.alertmanager(
            tmp_path / "config",
            dict.fromkeys(("slack", "watchdog", "pagerduty"), "http://a/"),
            "a:1",
        )
        arguments += [f"--config.file={config}", f"--storage.path={tmp_path}"]
        arguments.append("--cluster.listen-address=")
    elif tool == "prometheus":
        config = tmp_path / "prometheus.yml"
        shortened.rules(tmp_path / "rules")
        shortened.prometheus(config, {"prometheus": ["127.0.0.1:1"]}, "127.0.0.1:1", "127.0.0.1:1")
        arguments += [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    elif tool == "prometheus-blackbox-exporter":
        arguments.append(f"--config.file={OBSERVE / 'blackbox.yml'}")
        path = "/probe?module=ready&target=http://127.0.0.1:1/"
    wanted = FOREIGN[tool] - {"probe_ssl_earliest_cert_expiry"}  # only of an address with TLS
    with Program(tmp_path, tool, *arguments, ready=ready) as program:

        def missing() -> set[str]:
            shown = httpx.get(f"http://{program.address}{path}").text
            return {name for name in wanted if not re.search(rf"^{name}\b", shown, re.M)}

        wait_until(lambda: not missing())  # Prometheus takes seconds to find its Alertmanagers


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("alertname=Watchdog severity=none", "dead-mans-switch"),
        ("alertname=StoreDown severity=critical", "on-call"),
        ("alertname=DiskFull severity=warning", "team"),
    ],
)
def test_alerts_are_routed(labels: str, receivers: str) -> None:
    config = OBSERVE / "alertmanager/alertmanager.yml"
    found = run("amtool", "config", "routes", "test", f"--config.file={config}", *labels.split())
    assert found.split() == [receivers]


def test_every_severity_reaches_somebody_and_inhibitions_name_alerts() -> None:
    config = yaml.safe_load((OBSERVE / "alertmanager/alertmanager.yml").read_text())
    names = set(alerts())
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            for value in re.findall(r'alertname =~? "([\w|]+)"', matcher):
                assert set(value.split("|")) <= names, matcher


def commands() -> list[str]:
    """The lines that the pages tell an operator to type."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))]
    return [line.strip() for text in texts for line in re.findall(r"^ {4}(.+)$", text, re.M)]


SHELL = (
    "curl",
    "tail",
    "grep",
    "df",
    "du",
    "systemctl",
    "journalctl",
    "ps",
    "top",
    "for",
    "iostat",
)
OTHERS = (*SHELL, "openssl", "amtool", "chatserver", "mongosh:", "psql:")


@pytest.mark.parametrize("line", sorted({x for x in commands() if x.startswith("chatserver ")}))
def test_commands_of_the_pages_exist(line: str) -> None:
    command: click.Command = main
    context = click.Context(main)
    words = line.partition(" | ")[0].split()[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("line", sorted({x for x in commands() if not x.startswith(OTHERS)}))
def test_queries_of_the_pages_are_valid(line: str) -> None:
    run("promtool", "--experimental", "promql", "format", line)
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"^- `(\w+)`", page, re.M))
    bare = re.sub(r"\b(by|on) *\([^)]*\)|\{[^}]*\}", "", line)
    for name in set(METRIC.findall(bare)) - WORDS:
        assert re.sub(r"_(bucket|count)$", "", name) in ours, name


@pytest.mark.parametrize("line", sorted({x for x in commands() if x.startswith("grep -h ")}))
def test_lines_that_the_pages_look_for_are_logged(line: str) -> None:
    wanted = line.split("'")[1]
    sources = [*(ROOT / "chatserver").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert any(wanted in path.read_text(encoding="utf-8") for path in sources)


@pytest.mark.parametrize("line", sorted({x for x in commands() if "/metrics | grep" in x}))
def test_metrics_that_the_pages_look_for_exist(line: str) -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"^- `(\w+)`", page, re.M)) | {"process_resident_memory_bytes"}
    shown = ours | {f"{name}_{end}" for name in ours for end in ("sum", "count")}
    pattern = line.split("grep")[1].removeprefix(" -E").strip().strip("'")
    alternatives = re.split(r"\|(?![^(]*\))", re.sub(r"^\^\((.*)\)$", r"\1", pattern))
    for each in alternatives:
        assert any(re.match(each.removeprefix("^"), name) for name in shown), each
