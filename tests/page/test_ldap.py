"""Sign-in with a directory in a browser: a real slapd, and what the page says while it is away."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.docs.pages import ROOT
from tests.page.people import PersonFactory, Server
from tests.slapd import PEOPLE, READER, READER_PASSWORD, Slapd

pytestmark = pytest.mark.long
WORD = "the sea is wide"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    made = Slapd(tmp_path_factory.mktemp("slapd"))
    made.person("ada", WORD, cn="Ada Lovelace")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(slapd: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "ldap"]),
        "plugin.ldap.servers": json.dumps([slapd.url]),
        "plugin.ldap.base": PEOPLE,
        "plugin.ldap.ca_file": str(slapd.ca_file),
        "plugin.ldap.bind_dn": READER,
        "plugin.ldap.bind_password": READER_PASSWORD,
        "plugin.ldap.label": "Example account",
    }
    server = Server(tmp_path_factory.mktemp("ldap"), "memory", settings, {"PYTHONPATH": str(ROOT)})
    server.start()
    yield server
    server.stop()


def test_somebody_signs_in_once_the_directory_is_back(
    person: PersonFactory, server: Server, slapd: Slapd
) -> None:
    found = person(server)
    found.expected.append(r"(401|503) \(.*\).*/api/v1/(login|me)")
    page = found.page
    page.goto(server.url)
    expect(page.get_by_test_id("login-ldap")).to_have_text("Example account")
    page.get_by_test_id("login-ldap").click()
    slapd.stop()
    page.get_by_test_id("step-username").fill("ada")
    page.get_by_test_id("step-password").fill(WORD)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("sign-in-error")).to_contain_text("not available")
    slapd.start()
    page.get_by_test_id("login-ldap").click()
    page.get_by_test_id("step-username").fill("ada")
    page.get_by_test_id("step-password").fill("wrong")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-error")).to_contain_text("is not right")
    page.get_by_test_id("step-password").fill(WORD)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Ada Lovelace")
