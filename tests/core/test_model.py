"""Events as they are read, by whomever."""

import subprocess
import sys

# A Python function looks up what the fields of a struct are. It must not be called any more.
READS = """
import sys

import msgspec

from chatserver.model import AnyEvent, MemberEvent, MessageChange, MessagePosted, read_event

called = []
fields = {"ev": "new", "room": "r", "seq": 1, "at": "now", "author": {"id": "u", "name": "n"}}
sys.setprofile(lambda frame, event, value: called.append(frame.f_code.co_name))
for kind in (AnyEvent, MemberEvent, MessageChange, MessagePosted):
    msgspec.json.decode(b"[]", type=list[kind])
read_event(fields, AnyEvent)
sys.setprofile(None)
print("get_class_annotations" in called, "read_event" in called)
"""


def test_threads_find_all_kinds_of_events_ready_to_be_read() -> None:
    """If two threads prepared the same kind at once, msgspec would crash the process."""
    done = subprocess.run([sys.executable, "-c", READS], check=True, capture_output=True, text=True)
    assert done.stdout == "False True\n"
