"""Everything about personal data on one node: the parts, the report, archives, the search."""

from chatserver.blobs.service import BlobService
from chatserver.interfaces import Store
from chatserver.privacy.archive import Archiving
from chatserver.privacy.own import OwnRecords
from chatserver.privacy.parts import PersonalParts
from chatserver.privacy.report import Reporting
from chatserver.privacy.search import Searching
from chatserver.privacy.written import Written
from chatserver.service.accounts import Accounts
from chatserver.service.blocks import Blocks
from chatserver.service.mail.emails import Emails
from chatserver.service.preferences import Preferences


class Privacy:
    """What is held about people. `parts` are all parts of it."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        emails: Emails,
        preferences: Preferences,
        blocks: Blocks,
        blobs: BlobService,
        server: str,
    ) -> None:
        """`server` is the name of the server."""
        own = OwnRecords(store, accounts, emails, preferences, blocks)
        self.parts = PersonalParts([*own.parts(), *Written(store).parts()])
        self.report = Reporting(self.parts, blobs)
        self.archive = Archiving(self.parts, blobs, server)
        self.search = Searching(store)
