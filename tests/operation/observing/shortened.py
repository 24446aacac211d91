"""The shipped configuration for a test: windows of seconds, addresses of loopback, all else as it is."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.tools import ROOT

OBSERVE = ROOT / "deploy/observe"
SHORT, LONG = "10s", "24s"  # of windows below an hour, and of others; a scrape is every 2 s
FOR = "1s"
# Ages of hours and days cannot be waited for: seconds in the rule, and in the test.
THRESHOLDS = {
    "BackupTooOld": (93600, 40),
    "BackupNotVerified": (691200, 40),
    "BackupShippingBehind": (300, 4),
    "BackupTargetBehind": (1800, 5),
    "DrillTooOld": (3024000, 20),
    "ConsumerBehind": (300, 5),
    "ObserverBehind": (60, 2),
    "StoreReplicaBehind": (30, 6),
    "ProbeMissing": (600, 12),
}
WINDOW = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]")


def rules(folder: Path) -> set[str]:
    """Write all rules with short windows into `folder`; the names of the alerts."""
    names, spared = set[str](), dict(THRESHOLDS)
    folder.mkdir()
    for path in sorted((OBSERVE / "rules").glob("*.yml")):
        content = yaml.safe_load(path.read_text())
        for rule in (rule for group in content["groups"] for rule in group["rules"]):
            rule["expr"] = WINDOW.sub(_shortened, str(rule["expr"]))
            if "for" in rule:
                rule["for"] = FOR
            if (name := rule.get("alert")) is None:
                continue
            names.add(name)
            if name in spared:
                before, after = spared.pop(name)
                pattern = rf"(?<=[><] ){before}\b"
                assert len(re.findall(pattern, rule["expr"])) == 1, rule["expr"]
                rule["expr"] = re.sub(pattern, str(after), rule["expr"])
        (folder / path.name).write_text(yaml.safe_dump(content))
    assert not spared, f"no such alerts: {spared}"
    return names


def _shortened(window: re.Match[str]) -> str:
    return LONG if window[0][-1] in "hd" else SHORT


def prometheus(
    path: Path, targets: Mapping[str, Sequence[str]], blackbox: str, alerts: str
) -> None:
    """Write the shipped prometheus.yml with these targets by job, and the jobs that it does not have.

    `blackbox` and `alerts` are the addresses of the blackbox exporter and of Alertmanager.
    """
    content = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())
    content["global"] |= {
        "scrape_interval": "2s",
        "scrape_timeout": "2s",
        "evaluation_interval": "500ms",
    }
    content["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alerts]}]
    configs = {each["job_name"]: each for each in content["scrape_configs"]}
    for job, addresses in targets.items():
        config = configs.setdefault(job, {"job_name": job})
        config["static_configs"] = [{"targets": [*addresses]}]
        for relabel in config.get("relabel_configs", ()):
            if relabel.get("target_label") == "__address__":
                relabel["replacement"] = blackbox
    content["scrape_configs"] = [configs[job] for job in targets]
    path.write_text(yaml.safe_dump(content))


def alertmanager(folder: Path, urls: Mapping[str, str], smarthost: str) -> Path:
    """Copy the shipped folder and let it deliver to these addresses at once; the path of the configuration."""
    shutil.copytree(OBSERVE / "alertmanager", folder)
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "slack_url").write_text(urls["slack"])
    (secrets / "pagerduty_key").write_text("k" * 32)
    (secrets / "smtp_password").write_text("secret of the mail server")
    (secrets / "watchdog_url").write_text(urls["watchdog"])
    path = folder / "alertmanager.yml"
    text = path.read_text().replace("/etc/alertmanager/secrets", str(secrets))
    content: dict[str, Any] = yaml.safe_load(text)
    content["global"] |= {
        "smtp_smarthost": smarthost,
        "smtp_require_tls": False,  # to loopback, where passwords may go in the clear
        "pagerduty_url": urls["pagerduty"],
    }
    for route in (content["route"], *content["route"]["routes"]):
        # One message may hold what came within a second.
        route |= {"group_wait": "500ms", "group_interval": "1s"}
        if "repeat_interval" in route:
            route["repeat_interval"] = "2s" if "Watchdog" in str(route.get("matchers")) else "1h"
    path.write_text(yaml.safe_dump(content))
    return path
