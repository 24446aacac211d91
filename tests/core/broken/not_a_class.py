"""Plugin is no class."""

Plugin = 5
