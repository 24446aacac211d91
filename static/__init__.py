"""The web client: files that the server hands out. No Python lives here."""
