"""The configurations that come with the server, found by name: `chatserver serve -c production`."""
