"""Faults against a real server, with a fleet of clients and a checker of what they saw."""
