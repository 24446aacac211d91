"""A plugin without the class Plugin."""
