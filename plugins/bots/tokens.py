"""The form of a bot's token, by which scanners for leaked secrets find it: `chatbot_`, 40 letters, 6 that check them.

The check digits are the CRC-32 of what stands before them, as in tokens of GitHub
(https://github.blog/engineering/behind-githubs-new-authentication-token-formats/). So what is no token costs no look-up.
"""

import re
import secrets
import string
from hashlib import sha256
from zlib import crc32

PREFIX = "chatbot_"
SECRET_CHARS, CHECK_CHARS = 40, 6  # 238 random bits
ID_CHARS = 16  # of the digest: enough to distinguish a bot's tokens, useless otherwise
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TOKEN = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{SECRET_CHARS + CHECK_CHARS}}}")


def new_token() -> str:
    """A token that nobody can guess."""
    begun = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(SECRET_CHARS))
    return begun + _check_of(begun)


def digest_of(token: str) -> str | None:
    """The SHA-256 of a token, under which it is kept; None for what cannot be one."""
    if _TOKEN.fullmatch(token) is None or _check_of(token[:-CHECK_CHARS]) != token[-CHECK_CHARS:]:
        return None
    return sha256(token.encode()).hexdigest()


def _check_of(text: str) -> str:
    number, found = crc32(text.encode()), ""
    for _ in range(CHECK_CHARS):
        number, digit = divmod(number, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found
