"""The Model Context Protocol at one address: assistants read and write as the bot whose token they have. See docs/mcp.md."""

from collections.abc import Sequence

from chatserver import Context, Powers, Route, Scope, Settings, hookimpl
from chatserver_plugins.mcp.door import Door
from chatserver_plugins.mcp.methods import Methods
from chatserver_plugins.mcp.rpc import error_body
from chatserver_plugins.mcp.tools import Tools

PATH = "/mcp"
# The largest body that the server reads before it knows the user: a longer one would be refused as anonymous.
BODY_BYTES = 65536
DEADLINE = 30.0  # seconds for a request: a write may wait for the store, and other plugins judge it


class McpPlugin:
    """Serves tools to programs that speak the Model Context Protocol. It has no settings."""

    powers = Powers(
        service=(
            "config.server",
            "history.page",
            "messages.post",
            "messages.react",
            "messages.threads",
            "messages.unreact",
            "rates.take",
            "rooms.get",
            "rooms.mark_read",
            "rooms.members",
            "rooms.visible",
            "search.find",
        )
    )

    def __init__(self, config: Settings) -> None:
        pass

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        service = context.service
        tools = Tools(service).all()
        methods = Methods(tools, service.config.server.name, context.version)
        return [
            Route(
                path=PATH,
                post=Door(methods, service).post,
                scopes={"post": (Scope.READ, Scope.WRITE)},  # and each tool asks for its own
                body_bytes=BODY_BYTES,
                deadline=DEADLINE,
                show_error=error_body,
                request_headers=("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"),
                reply_headers=("WWW-Authenticate",),
            )
        ]
