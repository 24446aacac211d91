"""Small utilities for all packages: the clock, measures, rate limits, single-flight, cancelling tasks."""
