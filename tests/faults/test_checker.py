"""The checker finds what it is there for: each kind of damage, put into a history that was right."""

from typing import Any

import pytest

from tests.faults.checker import check
from tests.faults.history import Operation

ROOMS = {"a": frozenset({"R"}), "b": frozenset({"R"})}


def event(seq: int, client_id: str, body: str | None = None) -> dict[str, Any]:
    return {
        "ev": "message.posted",
        "seq": seq,
        "client_id": client_id,
        "body": body or client_id,
        "author": {"id": "a"},
    }


def log() -> dict[str, list[dict[str, Any]]]:
    return {"R": [event(1, "a-1"), event(2, "a-2"), event(3, "a-3")]}


def entry(proc: str, kind: Any, op: Any, client_id: str | None, seq: int | None) -> Operation:
    return Operation(proc=proc, type=kind, op=op, room="R", client_id=client_id, seq=seq)


def history() -> list[Operation]:
    """a sends three, the last with an unknown outcome and a repeat; b hears all, with a resume."""
    return [
        entry("b", "ok", "resume", None, 0),
        entry("a", "invoke", "send", "a-1", None),
        entry("a", "ok", "send", "a-1", 1),
        entry("b", "ok", "recv", "a-1", 1),
        entry("a", "invoke", "send", "a-2", None),
        entry("a", "ok", "send", "a-2", 2),
        entry("b", "ok", "resume", None, 1),
        entry("b", "ok", "recv", "a-2", 2),
        entry("a", "invoke", "send", "a-3", None),
        entry("a", "info", "send", "a-3", None),
        entry("a", "invoke", "send", "a-3", None),
        entry("a", "ok", "send", "a-3", 3),
        entry("b", "ok", "recv", "a-3", 3),
    ]


def test_a_right_history_has_no_findings() -> None:
    assert check(history(), log(), ROOMS) == []


def without_last_event(operations: list[Operation], logs: dict[str, Any]) -> None:
    logs["R"].pop()


def hole_in_the_log(operations: list[Operation], logs: dict[str, Any]) -> None:
    del logs["R"][1]


def stored_twice(operations: list[Operation], logs: dict[str, Any]) -> None:
    logs["R"].append(event(4, "a-3"))


def stored_twice_under_two_ids(operations: list[Operation], logs: dict[str, Any]) -> None:
    logs["R"].append(event(4, "a-3-again", "a-3"))


def other_seq_acknowledged(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[2] = entry("a", "ok", "send", "a-1", 2)


def refused_but_stored(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[11] = entry("a", "fail", "send", "a-3", None)


def never_answered(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations.append(entry("a", "invoke", "send", "a-4", None))


def nobody_sent_it(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[:] = [one for one in operations if one.op != "send" or one.client_id != "a-1"]


def event_not_received(operations: list[Operation], logs: dict[str, Any]) -> None:
    del operations[7]


def received_twice(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations.append(operations[-1])


def received_out_of_order(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[7], operations[-1] = operations[-1], operations[7]


def received_something_else(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[3] = entry("b", "ok", "recv", "a-9", 1)


def end_not_received(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations.pop()


def resumed_too_late(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[6] = entry("b", "ok", "resume", None, 2)


def loaded_anew(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations[6] = entry("b", "ok", "gap", None, 1)


def foreign_room(operations: list[Operation], logs: dict[str, Any]) -> None:
    operations.append(Operation(proc="b", type="ok", op="recv", room="S", client_id="x", seq=1))


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (without_last_event, "acknowledged and lost: a-3"),
        (hole_in_the_log, "the log is not 1, 2, 3"),
        (stored_twice, "stored 2 times: the message with client_id a-3"),
        (stored_twice_under_two_ids, "stored 2 times: the message with body a-3"),
        (other_seq_acknowledged, "a-1 acknowledged as 2"),
        (refused_but_stored, "refused for good, but stored: a-3"),
        (never_answered, "never answered, however often it was sent: a-4"),
        (nobody_sent_it, "nobody sent a-1"),
        (event_not_received, "received 3, expected 2"),
        (received_twice, "received 3, expected 4"),
        (received_out_of_order, "received 3, expected 2"),
        (received_something_else, "was received as a-9"),
        (end_not_received, "ended at 2, the log at 3"),
        (resumed_too_late, "resumed R at 2, had seen 1"),
        (loaded_anew, "told to load it anew, at 1"),
        (foreign_room, "heard of room S"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_found(tamper: Any, finding: str) -> None:
    operations, logs = history(), log()
    tamper(operations, logs)
    found = check(operations, logs, ROOMS)
    assert any(finding in line for line in found), found
