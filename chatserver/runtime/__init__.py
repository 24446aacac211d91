"""Small parts that any other may use: the clock, measures, single-flight calls, and cancelling tasks."""
