"""The garbage collector's looks stay short while a server grows, and circles that were set aside are found.

Each test is a process of its own, as there is one collector in a process.
"""

import subprocess
import sys
import textwrap

PRELUDE = """
import asyncio, gc, weakref
from loguru import logger
from chatserver.process.collector import OLD, Collector

complete = []
logger.remove()
logger.add(complete.append, level="INFO", format="{message}")

class Thing:
    pass

def circle():
    thing = Thing()
    thing.itself = thing
    return thing

def old():
    return len(gc.get_objects(2))

def within(**settings):
    def run(work):
        async def main():
            collector = Collector(**settings)
            collector.start()
            await work()
            collector.stop()
            assert collector._looked not in gc.callbacks
        asyncio.run(main())
    return run
"""


def run(text: str) -> None:
    code = PRELUDE + textwrap.dedent(text)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_many_objects_that_stay_are_set_aside() -> None:
    run("""
        @within()
        async def work():
            longest = 0
            kept = []
            for _ in range(100_000):
                kept.append([Thing()])
                longest = max(longest, old() if len(kept) % 1000 == 0 else 0)
            # What came since the last look is added to those that may stay in sight.
            assert 0 < longest < OLD + 60_000, longest
            assert gc.get_freeze_count() > 150_000
            await asyncio.sleep(0)
            assert complete == []
    """)


def test_what_was_set_aside_ends_with_its_last_reference() -> None:
    run("""
        @within(old=10)
        async def work():
            kept = [Thing() for _ in range(1000)]
            gc.collect()
            assert old() == 0
            seen = weakref.ref(kept[0])
            kept.clear()
            assert seen() is None
    """)


def test_few_stay_where_each_look_finds_them() -> None:
    run("""
        @within(old=1000)
        async def work():
            gc.collect()
            frozen = gc.get_freeze_count()
            thing = circle()
            gc.collect()
            assert gc.get_freeze_count() == frozen
            seen = weakref.ref(thing)
            del thing
            gc.collect()
            assert seen() is None
    """)


def test_a_complete_look_finds_circles_that_were_set_aside() -> None:
    run("""
        @within(old=10, growth=1.0, slack=5000)
        async def work():
            first = weakref.ref(circle())
            things = [circle() for _ in range(3000)]
            gc.collect()  # sets them aside
            seen = weakref.ref(things[0])
            things.clear()
            gc.collect()
            assert first() is None and seen() is not None and complete == []
            more = [Thing() for _ in range(6000)]
            gc.collect()
            await asyncio.sleep(0)
            assert seen() is None
            (line,) = complete
            assert line.startswith("a complete look of the garbage collector took ")
    """)


def test_objects_that_come_and_go_cause_no_complete_look() -> None:
    run("""
        @within(old=10, growth=1.0, slack=5000)
        async def work():
            for _ in range(20):
                things = [circle() for _ in range(1000)]
                gc.collect()
                for thing in things:
                    del thing.itself
                del thing
                things.clear()
                await asyncio.sleep(0)
            assert complete == []
    """)
