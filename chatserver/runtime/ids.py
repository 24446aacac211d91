"""Ids that the server makes."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case


def new_id() -> str:
    """20 characters: milliseconds since 1970 and 52 random bits, so that ids sort by age."""
    number = (time.time_ns() // 1_000_000) << 52 | secrets.randbits(52)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


def time_of_id(text: str) -> float:
    """The Unix time at which `new_id` made the id; 0 for another text."""
    if len(text) != 20 or not set(text) <= set(_ALPHABET):
        return 0.0
    number = 0
    for char in text[:10]:
        number = number << 5 | _ALPHABET.index(char)
    return (number >> 2) / 1000
