"""Fakes of the services that Alertmanager delivers to, on loopback: what they got, by alert and state."""

import email
import email.policy
import json
import re
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

RUNBOOK = re.compile(r"/runbooks/(\w+)\.md")


class Got(NamedTuple):
    """One message: the service (slack, pagerduty, mail), the alert, firing or resolved, and the text."""

    service: str
    alert: str
    state: str
    text: str


class Receivers:
    """All fakes. A context manager."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.heartbeats = 0  # calls of the dead man's switch
        self.slack_status = 200
        self._keys: dict[str, str] = {}  # alert by PagerDuty's dedup_key
        receivers = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receivers._take(self.path.strip("/"), body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"ok" if status == 200 else b'{"status":"success"}')

            def log_message(self, *arguments: object) -> None:
                pass

        class Mail(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                receivers._mail(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._smtp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
        for server in (self._http, self._smtp):
            server.daemon_threads = True

    def __enter__(self) -> Self:
        for server in (self._http, self._smtp):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for server in (self._http, self._smtp):
            server.shutdown()
            server.server_close()

    @property
    def urls(self) -> dict[str, str]:
        """The address of each service that is reached over HTTP."""
        base = f"http://127.0.0.1:{self._http.server_port}"
        return {name: f"{base}/{name}" for name in ("slack", "pagerduty", "watchdog")}

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self._smtp.server_address[1]}"

    def services(self, alert: str, state: str) -> set[str]:
        """The services that were told of this alert in this state."""
        return {got.service for got in self.got if (got.alert, got.state) == (alert, state)}

    def _take(self, service: str, body: dict[str, Any]) -> int:
        if service == "watchdog":
            assert {each["labels"]["alertname"] for each in body["alerts"]} == {"Watchdog"}
            self.heartbeats += 1
        elif service == "slack":
            if self.slack_status != 200:
                return self.slack_status
            (attachment,) = body["attachments"]
            text = f"{attachment['title']}\n{attachment['text']}"
            self._note("slack", _alert(attachment["title_link"]), text)
        elif service == "pagerduty":
            assert body["routing_key"] == "k" * 32
            key = body["dedup_key"]
            if body["event_action"] == "trigger":
                self._keys[key] = _alert(body["links"][0]["href"])
                self.got.append(
                    Got("pagerduty", self._keys[key], "firing", body["payload"]["summary"])
                )
                assert body["payload"]["severity"] == "critical"
            else:
                assert body["event_action"] == "resolve"
                self.got.append(Got("pagerduty", self._keys[key], "resolved", ""))
            return 202
        return 200

    def _note(self, service: str, alert: str, text: str) -> None:
        state = "resolved" if text.startswith("Resolved: ") else "firing"
        self.got.append(Got(service, alert, state, text))

    def _mail(self, session: socketserver.StreamRequestHandler) -> None:
        """One connection of RFC 5321, with a sign-in that lets everybody in."""

        def say(text: str) -> None:
            session.wfile.write(text.encode() + b"\r\n")

        say("220 loopback")
        while line := session.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                say("250-loopback\r\n250 AUTH PLAIN LOGIN")
            elif word == "AUTH":
                say("235 welcome")
            elif word == "DATA":
                say("354 go on")
                lines = iter(session.rfile.readline, b".\r\n")
                data = b"".join(each.removeprefix(b".") for each in lines)
                self._read_mail(data)
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def _read_mail(self, data: bytes) -> None:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert message["To"] == "operators@example.org"
        part = message.get_body(("plain",))
        assert part is not None
        text = str(part.get_content())
        self._note("mail", _alert(text), f"{message['Subject']}\n{text}")


def _alert(text: str) -> str:
    """The alert whose runbook a text links to."""
    names = set(RUNBOOK.findall(text))
    assert len(names) == 1, text
    return names.pop()
