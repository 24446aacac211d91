"""Contract suites and fixtures for plugin authors."""
