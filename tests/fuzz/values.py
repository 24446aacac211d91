"""Random values that a hostile client might send. All draw from a `random.Random`, so a seed repeats them."""

import json
import string
from random import Random
from typing import Any

# Texts that have broken some parser, or that have a meaning for one of ours.
ODD_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\r\n",
        "\x1b[2J",
        "\ufeff",
        "\u202e",
        "\u200b",
        "\ud800",
        "e\u0301" * 50,
    ),
    *(
        "$ne",
        "$where",
        "__proto__",
        "constructor",
        "a.b",
        "' OR 1=1 --",
        "{{7*7}}",
        "<script>alert(1)</script>",
    ),
    *(
        "../../etc/passwd",
        "%00",
        "%2e%2e/",
        "null",
        "true",
        "NaN",
        "1e400",
        "-0",
        "²",
        "٣",
        "①",
        "Ａ",
    ),
    *(
        "@everyone",
        "@" * 500,
        "from:" * 20,
        "in:x before:y",
        '"' * 99,
        "\U0001f469\u200d" * 40,
        "ア" * 300,
    ),
)
ODD_NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**31 - 1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**40),
    *(0.5, -0.0, 1e308, 1e-320),
)
LONG_CHARACTERS = 20_000


def text(rng: Random) -> str:
    """A text: odd, random, long, or several of these joined."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(ODD_TEXTS)
    if kind < 0.7:
        return "".join(
            chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3040, 0x30FF))))
            for _ in range(rng.randrange(40))
        )
    if kind < 0.8:
        return (rng.choice(ODD_TEXTS) or "x") * rng.randrange(1, LONG_CHARACTERS // 50)
    return "".join(text(rng) for _ in range(rng.randrange(3)))


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON."""
    kind = rng.randrange(10 if depth < 4 else 7)
    if kind < 3:
        return text(rng)
    if kind < 5:
        return rng.choice(ODD_NUMBERS)
    if kind < 7:
        return rng.choice((None, True, False))
    if kind == 7:
        return [value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 3 if depth else 200)))]
    return {text(rng): value(rng, depth + 1) for _ in range(rng.randrange(3))}


def encoded(rng: Random, given: Any) -> bytes:
    """JSON, now and then damaged: cut, a byte flipped, nested deeply, or followed by something else."""
    data = json.dumps(given).encode()
    kind = rng.random()
    if kind < 0.85 or not data:
        return data
    place = rng.randrange(len(data))
    damaged = (
        data[:place],
        data[:place] + bytes((rng.randrange(256),)) + data[place + 1 :],
        b"[" * rng.randrange(1, 30_000) + data,
        data + data,
        data.replace(b"\\u", b"\\ud8"),
    )
    return rng.choice(damaged)


def mutated(rng: Random, given: Any, knowns: list[Any]) -> Any:
    """`given` with some of its values replaced: by odd ones, or by others that are known to be good."""
    if isinstance(given, dict):
        changed = {
            key: mutated(rng, inner, knowns) for key, inner in given.items() if rng.random() > 0.05
        }
        if rng.random() < 0.05:
            changed[text(rng)] = value(rng)
        return changed
    kind = rng.random()
    if kind < 0.6:
        return given
    return rng.choice(knowns) if kind < 0.75 and knowns else value(rng)


def word(rng: Random) -> str:
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randrange(1, 12)))
