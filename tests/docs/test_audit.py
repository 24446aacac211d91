"""The audit log is what docs/operating.md says of it."""

import re
from typing import get_args

from chatserver.config import load
from chatserver.hooks.types import Deed, Outcome
from chatserver.service.switches import SwitchDo
from chatserver_plugins.audit.entry import (
    ADMINISTRATION,
    AccountEntry,
    DecisionEntry,
    EventEntry,
    LoginEntry,
    LookEntry,
    PluginEntry,
)
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text()
SECTION = PAGE[PAGE.index("## Audit log") : PAGE.index("## Backups\n")]
ROWS = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", SECTION, re.M)


def named(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def test_every_kind_of_line_is_listed_and_no_other() -> None:
    switches = {f"plugin.{do}" for do in get_args(SwitchDo)}
    accounts = {f"account.{deed}" for deed in get_args(Deed)}
    assert {kind for kind, _ in ROWS} == {
        "login",
        "look",
        "decision",
    } | accounts | ADMINISTRATION | switches
    assert len(ROWS) == 3 + len(switches) + len(accounts) + len(ADMINISTRATION)


def test_every_field_is_listed() -> None:
    fields = dict(ROWS)
    assert {"at", *named(fields["login"])} == set(LoginEntry.__struct_fields__)
    assert {"at", "kind", *named(fields["plugin.on"])} == set(PluginEntry.__struct_fields__)
    assert {"at", *named(fields["decision"])} == set(DecisionEntry.__struct_fields__)
    assert {"at", *named(fields["look"])} == set(LookEntry.__struct_fields__)
    rest = SECTION[SECTION.index("**Accounts**") :]
    of_accounts, of_rooms = rest.split("**Rooms**")
    assert {"at", "kind"} | named(of_accounts) == set(AccountEntry.__struct_fields__)
    told = {"at", "kind"} | named(of_rooms.partition("With")[0])
    assert told == set(EventEntry.__struct_fields__)


def test_every_outcome_of_a_login_is_listed() -> None:
    of_logins = SECTION.partition("**Logins**")[2].partition("**Accounts**")[0]
    assert set(get_args(Outcome)) == named(of_logins) - {"outcome", "times"}


def test_it_is_on_by_default_and_in_production() -> None:
    for name in ("default", "production", "development"):
        assert "audit" in load(name, environ={}).config.plugins.enabled, name
