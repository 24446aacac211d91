"""This process and its data folder: signals, limits, locks, and the watchdog of the event loop."""
