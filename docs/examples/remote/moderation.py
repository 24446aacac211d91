"""A remote service for chatserver: refuses messages and rooms with words that are not wanted here.

    REMOTE_SECRET=… python moderation.py 127.0.0.1 9100 spam casino

Uses the standard library alone. docs/plugins/remote.md of chatserver describes the protocol.
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ["REMOTE_SECRET"].encode()
HOST, PORT, *WORDS = sys.argv[1:]
LONGEST_SECONDS = 300  # that a request may have been under way


def is_signed(headers, body):
    """Whether the request is from the server that knows the secret, and of now."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "0")
    if not at.isdecimal() or abs(time.time() - int(at)) > LONGEST_SECONDS:
        return False
    signed = f"{name}.{at}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
    return hmac.compare_digest(expected, headers.get("webhook-signature", ""))


def judge(text):
    """The answer about a text."""
    found = [word for word in WORDS if word in (text or "").lower()]
    if found:
        return {"answer": "refuse", "reason": f"We do not talk about {found[0]} here."}
    return {"answer": "pass"}


def answer(hook, arguments):
    match hook:
        case "hello":
            return {
                "protocol": 1,
                "hooks": ["change_message", "check_message", "check_action"],
                "actions": ["RoomCreate", "RoomChange"],
            }
        case "change_message":
            body = arguments["draft"]["body"]
            if "(c)" not in body:
                return {"answer": "pass"}
            return {"answer": "replace", "fields": {"body": body.replace("(c)", "©")}}
        case "check_message":
            return judge(arguments["draft"]["body"])
        case "check_action":
            return judge(arguments["action"]["name"])
    raise ValueError(hook)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_signed(self.headers, body):
            self.reply(401, {"error": "the signature is not valid"})
            return
        asked = json.loads(body)
        self.reply(200, answer(asked["hook"], asked["arguments"]))

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing about each request."""


if __name__ == "__main__":
    print(f"moderation listens on {HOST}:{PORT}", flush=True)
    ThreadingHTTPServer((HOST, int(PORT)), Handler).serve_forever()
