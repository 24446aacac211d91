"""Resolvers of the server's own part of the schema; the service makes all decisions."""
