"""The files for Elasticsearch: every field that a node logs has a mapping, and every search uses mapped fields.

Elasticsearch, Kibana and Filebeat cannot be had here, so their files are compared with lines of the real server.
"""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from loguru import logger

from chatserver.config import LoggingConfig
from chatserver.logging import connection_id, request_id, setup
from chatserver_plugins.audit import entry as audit

LOGS = Path(__file__).parents[2] / "deploy/observe/logs"
TYPES: dict[str, tuple[type, ...]] = {
    "date": (str,),
    "keyword": (str,),
    "match_only_text": (str,),
    "wildcard": (str,),
    "long": (int,),
    "boolean": (bool,),
}


def mapped() -> dict[str, str]:
    """Each field of the index, and its type."""
    template = json.loads((LOGS / "index-template.json").read_text())
    found: dict[str, str] = {}

    def walk(properties: dict[str, Any], above: str) -> None:
        for name, field in properties.items():
            if "properties" in field:
                walk(field["properties"], f"{above}{name}.")
            else:
                found[above + name] = field["type"]

    walk(template["template"]["mappings"]["properties"], "")
    return found


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """Lines of a node: of a request, of an error, of a worker."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    writer = setup(LoggingConfig(folder=str(tmp_path), console="off", fields="ecs"), environ={})
    tokens = request_id.set("r1"), connection_id.set("c1")
    access = {"method": "GET", "route": "/ws", "status": 200, "ms": 1.25, "address": "192.0.2.1"}
    logger.bind(**access, bytes=5, user="u1", worker=1).info("request")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("it failed")
    request_id.reset(tokens[0])
    connection_id.reset(tokens[1])
    writer.close()
    logger.remove()
    root.handlers[:], level = before
    root.setLevel(level)
    yield [json.loads(line) for line in (tmp_path / "combined.log").read_text().splitlines()]


def test_lines_have_the_names_and_units_of_the_schema(lines: list[dict[str, Any]]) -> None:
    request, failed = lines
    assert request.pop("@timestamp").endswith("Z")
    assert request.pop("log.logger") and request.pop("service.version")
    assert request == {
        "log.level": "info",
        "message": "request",
        "service.name": "chatserver",
        "http.request.id": "r1",
        "chatserver.connection": "c1",
        "http.request.method": "GET",
        "chatserver.route": "/ws",
        "http.response.status_code": 200,
        "event.duration": 1_250_000,
        "client.address": "192.0.2.1",
        "http.response.bytes": 5,
        "user.id": "u1",
        "chatserver.worker": 1,
        "ecs.version": "8.17.0",
        "event.dataset": "chatserver.access",
    }
    assert (failed["error.type"], failed["error.message"]) == ("ValueError", "broken")
    assert "raise ValueError" in failed["error.stack_trace"]
    assert failed["event.dataset"] == "chatserver.log"


def test_every_logged_field_has_a_mapping(lines: list[dict[str, Any]]) -> None:
    fields = mapped()
    for line in lines:
        for name, value in line.items():
            assert isinstance(value, TYPES[fields[name]]), name


def test_every_field_of_the_audit_log_has_a_mapping() -> None:
    fields = mapped()
    moved = {"at": "@timestamp", "kind": "event.action", "address": "client.address"}
    kinds = (
        *(audit.EventEntry, audit.LoginEntry, audit.AccountEntry),
        *(audit.LookEntry, audit.DecisionEntry),
    )
    names = {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}
    for name in names | {"kind"}:
        assert moved.get(name, f"chatserver.audit.{name}") in fields, name
    own = {
        name.removeprefix("chatserver.audit.")
        for name in fields
        if name.startswith("chatserver.audit.")
    }
    assert own == names - set(moved)


def test_every_search_uses_mapped_fields() -> None:
    fields = mapped()
    objects = [
        json.loads(line) for line in (LOGS / "saved-searches.ndjson").read_text().splitlines()
    ]
    views = {each["id"] for each in objects if each["type"] == "index-pattern"}
    searches = [each for each in objects if each["type"] == "search"]
    assert len(searches) == 7 and len({each["id"] for each in objects}) == len(objects)
    for search in searches:
        attributes = search["attributes"]
        source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        asked = re.findall(r"([\w.@]+) *(?::|>=?|<=?) ", source["query"]["query"])
        assert asked
        for name in (*asked, *attributes["columns"], *(field for field, _ in attributes["sort"])):
            assert name in fields, name
        assert {each["id"] for each in search["references"]} <= views


def test_the_policy_and_the_index_have_the_names_that_filebeat_uses() -> None:
    template = json.loads((LOGS / "index-template.json").read_text())
    beat = yaml.safe_load((LOGS / "filebeat.yml").read_text())
    index = beat["output.elasticsearch"]["index"]
    assert template["index_patterns"] == [f"{index}*"]
    assert template["template"]["settings"]["index.lifecycle.name"] == index
    phases = json.loads((LOGS / "ilm-policy.json").read_text())["policy"]["phases"]
    assert list(phases) == ["hot", "warm", "delete"] and phases["delete"]["min_age"] == "30d"
