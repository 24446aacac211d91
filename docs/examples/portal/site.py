"""A portal to try the plugin with: it believes every name. Run it: python site.py PORT SECRET"""

import asyncio
import sys
from urllib.parse import urlencode

from chatserver_portal import signature
from tornado.web import Application, RequestHandler

PAGE = """<!doctype html><title>Portal</title><form method="post"><label>Your name
<input name="user" required></label><button id="yes">Sign in</button></form>
<form method="post"><button id="no">Cancel</button></form>"""


class Page(RequestHandler):
    def initialize(self, secret: str) -> None:
        self.secret = secret

    def get(self) -> None:
        self.finish(PAGE)

    def post(self) -> None:
        """Lead the browser back. A real portal compares `return` with the address that it knows."""
        user, ticket = self.get_body_argument("user", ""), self.get_query_argument("ticket")
        answer = {"state": self.get_query_argument("state")}
        if user:
            answer |= {"user": user, "signature": signature(self.secret, ticket, user)}
        else:
            answer |= {"cancelled": "1"}
        self.redirect(f"{self.get_query_argument('return')}?{urlencode(answer)}")


async def main(port: int, secret: str) -> None:
    Application([("/sign-in", Page, {"secret": secret})]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
