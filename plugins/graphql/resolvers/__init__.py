"""Resolvers of the server's own part of the schema: they translate, the service decides."""
