"""Raises when it is imported."""

raise RuntimeError("broken on purpose")
