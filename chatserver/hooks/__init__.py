"""Plugins: hook specifications, loading, checks, calls, and containment of failures."""
