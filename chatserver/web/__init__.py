"""The doors of the server: WebSocket and HTTP."""
