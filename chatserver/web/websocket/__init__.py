"""The WebSocket transport: handshake, frames, reading, writing, and the sessions of chat.v1."""
