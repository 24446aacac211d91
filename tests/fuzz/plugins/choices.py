"""Messages with buttons, menus and forms, as the tests of the page have them."""

from tests.page.plugins.choices import Plugin

__all__ = ["Plugin"]
