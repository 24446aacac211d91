"""A store of objects in memory, as much of S3's as the broker asks for: what it wrote outlives it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import hashlib
from email.utils import formatdate
from xml.sax.saxutils import escape

from tornado.web import Application, RequestHandler

FIRST = "*"  # If-None-Match: only if there is none
NOT_FOUND = b"<Error><Code>NoSuchKey</Code></Error>"
NOT_THIS = b"<Error><Code>PreconditionFailed</Code></Error>"

Objects = dict[str, bytes]


def application() -> Application:
    return Application([("/.*", Handler, {"objects": {}})])


class Handler(RequestHandler):
    def initialize(self, objects: Objects) -> None:
        self._objects = objects

    def compute_etag(self) -> None:
        """That of the object is set by hand."""

    def head(self) -> None:
        self.get()

    def get(self) -> None:
        if "list-type" in self.request.arguments:
            self._list()
        elif self.request.path not in self._objects:
            self._refuse(404, NOT_FOUND)
        else:
            self._send(self._objects[self.request.path])

    def put(self) -> None:
        old = self._objects.get(self.request.path)
        if self.request.headers.get("If-None-Match") == FIRST and old is not None:
            return self._refuse(412, NOT_THIS)
        expected = self.request.headers.get("If-Match")
        if expected is not None and (old is None or tag_of(old) != expected):
            return self._refuse(412, NOT_THIS)
        self._objects[self.request.path] = self.request.body
        self.set_header("ETag", tag_of(self.request.body))
        return None

    def delete(self) -> None:
        self._objects.pop(self.request.path, None)
        self.set_status(204)

    def _send(self, body: bytes) -> None:
        self.set_header("ETag", tag_of(body))
        self.set_header("Last-Modified", formatdate(usegmt=True))
        if self.request.headers.get("If-None-Match") == tag_of(body):
            self.set_status(304)
        else:
            self.write(body)

    def _refuse(self, status: int, body: bytes) -> None:
        self.set_status(status)
        self.finish(body)

    def _list(self) -> None:
        bucket, prefix = self.request.path.rstrip("/") + "/", self.get_argument("prefix", "")
        delimiter = self.get_argument("delimiter", "")
        keys, folders = [], set()
        for key in sorted(path.removeprefix(bucket) for path in self._objects):
            inner = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in inner:
                folders.add(prefix + inner.split(delimiter)[0] + delimiter)
            else:
                keys.append(key)
        found = "".join(described(key, self._objects[bucket + key]) for key in keys)
        found += "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        self.set_header("Content-Type", "application/xml")
        self.write(f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>")


def described(key: str, body: bytes) -> str:
    return (
        f"<Contents><Key>{escape(key)}</Key><ETag>{escape(tag_of(body))}</ETag>"
        f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>{len(body)}</Size></Contents>"
    )


def tag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
