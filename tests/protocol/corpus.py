"""Requests that two parsers may read in two ways, each with the answers that are right.

`{page}` is a path that may be answered on the short way, `{auth}` its Authorization field. `SECOND` is
a request that shall be found only where it is one. `lax` are those that Tornado alone accepts.
"""

from typing import NamedTuple

SECOND = b"GET /health/live?second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
END = b"Connection: close\r\n\r\n"


class Case(NamedTuple):
    name: str
    request: bytes
    statuses: list[int]
    lax: bool = False


def get(
    fields: bytes = b"", *, line: bytes = b"GET {page} HTTP/1.1", end: bytes = b"\r\n"
) -> bytes:
    return line + b"\r\nHost: x\r\n{auth}" + fields + end


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n" + body


def with_body(fields: bytes) -> bytes:
    """A read whose body would be a request of its own, to a parser that sees no body."""
    return get(fields) + SECOND


LENGTH = b"Content-Length: %d\r\n" % len(SECOND)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SECOND), SECOND)

ORDINARY = [
    Case("one", get(END, end=b""), [200]),
    Case("two", get() + SECOND, [200, 200]),
    Case("three", get() + get() + SECOND, [200, 200, 200]),
    Case("limit", get(END, line=b"GET {page}?limit=50 HTTP/1.1", end=b""), [200]),
    Case("an empty line before", b"\r\n" + get() + SECOND, [200, 200]),
    Case("an empty line between", get() + b"\r\n" + SECOND, [200, 200]),
    Case("spaces around a value", get(b"Accept:   */*  \r\n") + SECOND, [200, 200]),
    Case("a tab before a value", get(b"Accept:\t*/*\r\n") + SECOND, [200, 200]),
    Case("an empty value", get(b"Accept:\r\n") + SECOND, [200, 200]),
    Case("an unknown field", get(b"X-Unknown: 1\r\n") + SECOND, [200, 200]),
    Case("names in capitals", get(b"ACCEPT: x\r\nCONNECTION: close\r\n"), [200]),
    Case("latin-1 in a value", get(b"X-Name: \xe9\r\n") + SECOND, [200, 200]),
    Case("a length of 0", get(b"Content-Length: 0\r\n") + SECOND, [200, 200]),
    Case("zeros before a length", post(b"Content-Length: 0003\r\n", b"abc") + SECOND, [404, 200]),
    Case("a body", post(LENGTH, SECOND) + SECOND, [404, 200]),
    Case("a body with a read", with_body(LENGTH) + SECOND, [200, 200]),
    Case("HTTP/1.0", get(line=b"GET {page} HTTP/1.0"), [200]),
    Case("HTTP/1.0 kept", get(b"Connection: keep-alive\r\n", line=b"GET {page} HTTP/1.0") + SECOND, [200, 200]),
    Case("absolute form", get(line=b"GET http://evil.example/health/live HTTP/1.1") + SECOND, [404, 200]),
    Case("asterisk", get(line=b"OPTIONS * HTTP/1.1") + SECOND, [404, 200]),
    Case("authority", get(line=b"CONNECT evil.example:443 HTTP/1.1") + SECOND, [405, 200]),
    Case("a method that is none", get(line=b"BREW / HTTP/1.1") + SECOND, [405, 200]),
    Case("a method in small letters", get(line=b"get / HTTP/1.1") + SECOND, [405, 200]),
]  # fmt: skip

_FIELDS: list[tuple[str, bytes, bool]] = [
    # name, fields, and whether Tornado alone would take them
    ("space before colon", b"Content-Length : %d\r\n" % len(SECOND), False),
    ("tab before colon", b"Content-Length\t: %d\r\n" % len(SECOND), False),
    ("space before coding's colon", b"Transfer-Encoding : chunked\r\n", False),
    ("space before a name", b" Content-Length: %d\r\n" % len(SECOND), False),
    ("tab before a name", b"\tContent-Length: %d\r\n" % len(SECOND), False),
    ("folded", b"X-A: b\r\n c\r\n", False),
    ("folded with a tab", b"X-A: b\r\n\tc\r\n", False),
    ("folded length", b"Content-Length:\r\n %d\r\n" % len(SECOND), False),
    ("folded coding", b"Transfer-Encoding:\r\n chunked\r\n", False),
    ("no colon", b"nonsense\r\n", False),
    ("no name", b": x\r\n", False),
    ("bare LF", b"X-A: b\nContent-Length: %d\r\n" % len(SECOND), True),
    ("bare LF alone", b"X-A: b\n", True),
    ("bare CR", b"X-A: b\rContent-Length: %d\r\n" % len(SECOND), False),
    ("CR CR LF", b"X-A: b\r\r\n", False),
    ("NUL in a value", b"X-A: b\0c\r\n", False),
    ("NUL in a name", b"Content\0-Length: %d\r\n" % len(SECOND), False),
    ("NUL before a length", b"Content-Length: \0%d\r\n" % len(SECOND), False),
    ("vertical tab", b"Content-Length: \x0b%d\r\n" % len(SECOND), False),
    ("form feed", b"Transfer-Encoding: \x0cchunked\r\n", False),
    ("DEL", b"X-A: b\x7f\r\n", False),
    ("escape", b"X-A: \x1b[2J\r\n", False),
    ("quotes in a name", b'"Content-Length": %d\r\n' % len(SECOND), False),
    ("brackets in a name", b"Content[Length]: 1\r\n", False),
    ("latin-1 in a name", b"Cont\xe9nt: 1\r\n", False),
    ("lengths that differ", LENGTH + b"Content-Length: 0\r\n", False),
    ("lengths that differ, the other way", b"Content-Length: 0\r\n" + LENGTH, False),
    ("a length twice", LENGTH * 2, True),
    ("a length twice in one field", b"Content-Length: %d, %d\r\n" % ((len(SECOND),) * 2), True),
    ("a length in a list of two", b"Content-Length: 5, 6\r\n", False),
    ("an empty length", b"Content-Length:\r\n", False),
    ("a length with a sign", b"Content-Length: +%d\r\n" % len(SECOND), False),
    ("a negative length", b"Content-Length: -%d\r\n" % len(SECOND), False),
    ("a length in hexadecimal", b"Content-Length: 0x5\r\n", False),
    ("a length with an underscore", b"Content-Length: 1_0\r\n", False),
    ("a length with a point", b"Content-Length: 5.0\r\n", False),
    ("a length with an exponent", b"Content-Length: 1e1\r\n", False),
    ("a length with a space", b"Content-Length: 1 0\r\n", False),
    ("a length of superscript", b"Content-Length: \xb2\r\n", False),
    ("a length of UTF-8 superscript", "Content-Length: ²\r\n".encode(), False),
    ("a length of Arabic digits", "Content-Length: ٥\r\n".encode(), False),
    ("a length of full-width digits", "Content-Length: ５\r\n".encode(), False),
    ("a length in quotes", b'Content-Length: "5"\r\n', False),
    ("a length of twenty digits", b"Content-Length: 99999999999999999999\r\n", False),
    ("a length of letters", b"Content-Length: five\r\n", False),
    ("length and chunks", LENGTH + b"Transfer-Encoding: chunked\r\n", False),
    ("chunks and length", b"Transfer-Encoding: chunked\r\n" + LENGTH, False),
    ("chunks and no length", b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", False),
    ("chunked twice", b"Transfer-Encoding: chunked\r\n" * 2, False),
    ("chunked twice in one field", b"Transfer-Encoding: chunked, chunked\r\n", False),
    ("identity", b"Transfer-Encoding: identity\r\n", False),
    ("gzip", b"Transfer-Encoding: gzip\r\n", False),
    ("gzip, chunked", b"Transfer-Encoding: gzip, chunked\r\n", False),
    ("chunked, identity", b"Transfer-Encoding: chunked, identity\r\n", False),
    ("a comma before chunked", b"Transfer-Encoding: ,chunked\r\n", False),
    ("a comma behind chunked", b"Transfer-Encoding: chunked,\r\n", False),
    ("chunked with a parameter", b"Transfer-Encoding: chunked;q=1\r\n", False),
    ("chunked in quotes", b'Transfer-Encoding: "chunked"\r\n', False),
    ("xchunked", b"Transfer-Encoding: xchunked\r\n", False),
    ("an empty coding", b"Transfer-Encoding:\r\n", False),
    ("a coding of NUL", b"Transfer-Encoding: chunked\0\r\n", False),
    ("two hosts", b"Host: evil.example\r\n", False),
    ("the same host twice", b"Host: x\r\n", False),
]  # fmt: skip

FIELDS = [
    Case(f"{name}, {way}", request + SECOND, [400], lax)
    for name, fields, lax in _FIELDS
    for way, request in (
        ("read", with_body(fields)),
        ("post", post(fields, CHUNKED if b"chunked" in fields.lower() else SECOND)),
    )
]

LINES = [
    Case("no host", b"GET {page} HTTP/1.1\r\n{auth}\r\n" + SECOND, [400]),
    *(
        Case(f"host {host!r}", b"GET /health/live HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + SECOND, [400], lax)
        for host, lax in (
            (b"a b", False), (b"a,b", False), (b"a/b", False), (b"u@x", False), (b"x:port", True),
            (b"x\\y", False), (b"x?y", False), (b"x#y", False), (b"", True), (b"a'b", True),
            (b"[::1", True), (b"x:1:2", True),
        )
    ),
    *(
        Case(f"line {line!r}", line + b"\r\nHost: x\r\n\r\n" + SECOND, [status], lax)
        for line, status, lax in (
            (b"GET  /health/live HTTP/1.1", 400, False),
            (b"GET /health/live  HTTP/1.1", 400, False),
            (b"GET\t/health/live\tHTTP/1.1", 400, False),
            (b" GET /health/live HTTP/1.1", 400, False),
            (b"GET /health/live HTTP/1.1 ", 400, False),
            (b"GET /health/live HTTP/1.1 x", 400, False),
            (b"GET /health/live", 400, False),
            (b"GET /health/live HTTP/1.10", 400, False),
            (b"GET /health/live HTTP/11", 400, False),
            (b"GET /health/live http/1.1", 400, False),
            (b"GET /health/live HTTP/ 1.1", 400, False),
            (b"GET /health/live HTTP/1.2", 505, True),
            (b"GET /health/live HTTP/2.0", 505, False),
            (b"GET /health/live HTTP/0.9", 505, False),
            (b"GET /health\0/live HTTP/1.1", 400, False),
            (b"GET /health\x0b/live HTTP/1.1", 400, False),
            (b"GET /health/\xe9 HTTP/1.1", 400, True),
            (b"GET HTTP/1.1", 400, False),
            (b"G\xe9T /health/live HTTP/1.1", 400, False),
            (b"G(T /health/live HTTP/1.1", 400, False),
            (b"", 400, False),
            (b"\0", 400, False),
            (b"PRI * HTTP/2.0\r\n\r\nSM", 505, False),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, False),
            (b"\r\n\r\nGET /health/live HTTP/1.1", 400, False),
        )
    ),
    Case("a line that ends with CR CR LF", b"GET /health/live HTTP/1.1\r\r\nHost: x\r\n\r\n" + SECOND, [400], True),
    Case("a line that ends with LF", b"GET /health/live HTTP/1.1\nHost: x\r\n\r\n" + SECOND, [400], True),
    Case("LF alone all the way", b"GET /health/live HTTP/1.1\nHost: x\n\n" + SECOND, [400], True),
    Case("an empty line of LF alone", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\n" + SECOND, [400], True),
    Case("junk between two", get() + b"junk" + SECOND, [200, 405, ]),
    Case("binary junk between two", get() + b"\0\xff" + SECOND, [200, 400]),
    Case("chunks over HTTP/1.0", b"POST /nowhere HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED, [400], True),
]  # fmt: skip

_CHUNKS = [
    ("an extension", b"5;a=b\r\nabcde\r\n0\r\n\r\n"),
    ("an extension with a line end", b"5;\nabcde\r\n0\r\n\r\n"),
    ("a size with a sign", b"+5\r\nabcde\r\n0\r\n\r\n"),
    ("a size with 0x", b"0x5\r\nabcde\r\n0\r\n\r\n"),
    ("a size with a space", b"5 \r\nabcde\r\n0\r\n\r\n"),
    ("a size with an underscore", b"1_0\r\nabcde\r\n0\r\n\r\n"),
    ("an empty size", b"\r\nabcde\r\n0\r\n\r\n"),
    ("a negative size", b"-1\r\nabcde\r\n0\r\n\r\n"),
    ("a size of letters", b"xyz\r\nabcde\r\n0\r\n\r\n"),
    ("a size ended by LF", b"5\nabcde\r\n0\r\n\r\n"),
    ("a size ended by CR", b"5\rXabcde\r\n0\r\n\r\n"),
    ("more than its size", b"5\r\nabcdef\r\n0\r\n\r\n"),
    ("an end of LF", b"5\r\nabcde\n0\r\n\r\n"),
    ("a trailer", b"5\r\nabcde\r\n0\r\nX-A: b\r\n\r\n"),
    ("a length as trailer", b"5\r\nabcde\r\n0\r\nContent-Length: 99\r\n\r\n"),
    ("junk behind the last", b"5\r\nabcde\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
]
_LOGIN = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_LOGIN += b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = [
    Case("chunks that are read", _LOGIN + b"2\r\n{}\r\n0\r\n\r\n" + SECOND, [400, 200]),
    Case("chunks, large and small", _LOGIN + b"1\r\n{\r\n0001\r\n}\r\n00\r\n\r\n" + SECOND, [400, 200]),
    *(Case(f"chunk: {name}", _LOGIN + chunk + SECOND, [400]) for name, chunk in _CHUNKS),
]  # fmt: skip

CASES = [*ORDINARY, *FIELDS, *LINES, *CHUNKS]
