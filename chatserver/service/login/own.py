"""The server's own sign-in methods: the password, what may be demanded of it, and the ways to a new one."""

from chatserver.hooks.login import LoginMethod
from chatserver.interfaces import Store
from chatserver.service.accounts import Accounts
from chatserver.service.login.password import password_method
from chatserver.service.login.renewal import renewal_method
from chatserver.service.login.resets import reset_method
from chatserver.service.mail.emails import Emails
from chatserver.service.mail.forgotten import Forgotten
from chatserver.service.mail.outbox import Outbox


def own_methods(
    store: Store, accounts: Accounts, emails: Emails, outbox: Outbox, server_name: str
) -> list[LoginMethod]:
    """The methods, in their order. Links by mail are one only if mail can be sent."""
    passwords = accounts.passwords
    found = [
        password_method(accounts),
        reset_method(passwords.of_reset_code, passwords.reset),
        renewal_method(passwords.renewals, passwords.renew),
    ]
    if outbox.is_there:
        found.append(Forgotten(store, accounts, emails, outbox, server_name).method())
    return found
