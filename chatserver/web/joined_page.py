"""The page with one script and one style sheet in place of its modules and sheets."""

import hashlib
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from loguru import logger

from chatserver.web.joining import NotJoinable, join

FOLDER = "joined/"  # within the page's folder, and nowhere on the disk
SHEET = f"{FOLDER}page.css"
WORKER = "service-worker.js"  # has browsers keep the files

_SCRIPT = re.compile(
    rb'<script type="module"(?: blocking="render")? src="/static/([^"]+)"></script>'
)
_SHEET = re.compile(rb'<link rel="stylesheet" href="/static/([^"]+)">\s*')
_BLANK = re.compile(rb"/\*(?:[^*]|\*(?!/))*\*/|^[ \t]+", re.M)  # comments, and indentation
_REFERENCE = re.compile(rb"url\(|@import|@charset")
_TEXTS = re.compile(r"joined/texts/([a-z]+)\.js")


class JoinedPage:
    """What is made of a page at start.

    `page` is its HTML, `files` has the joined files by path. A page whose files cannot be joined stays as it is, with
    a line in the log.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self.page = (root / name).read_bytes()
        self.files: dict[str, bytes] = {}
        self._join_scripts()
        self._join_sheets()
        self._texts = {
            found[1]: path for path in self.files if (found := _TEXTS.fullmatch(path)) is not None
        }

    def version(self, files: str) -> str:
        """A digest of the page's files, of which `files` is one as well, and of what is made of them."""
        whole = hashlib.sha256(files.encode())
        for path, data in self.files.items():
            whole.update(b"%s %d " % (path.encode(), len(data)))
            whole.update(data)
        return whole.hexdigest()[:16]

    @property
    def is_kept(self) -> bool:
        """Whether browsers may keep the page to open it without a network: they need all of its files."""
        return bool(self.files) and (self._root / WORKER).is_file()

    @property
    def kept(self) -> list[str]:
        """The files that a browser needs to open the page."""
        own = ("icon.svg",) if (self._root / "icon.svg").is_file() else ()
        return [*(path for path in self.files if not path.endswith(".map")), *own]

    def texts_for(self, languages: str) -> str | None:
        """The script with the texts for a reader of these languages, else the English one; None if there is none.

        `languages` is the value of Accept-Language.
        """
        spoken = (
            re.split("[-;]", part.strip(), maxsplit=1)[0] for part in languages.lower().split(",")
        )
        return next(
            (self._texts[each] for each in spoken if each in self._texts), self._texts.get("en")
        )

    def _join_scripts(self) -> None:
        entries = _SCRIPT.findall(self.page)
        if len(entries) != 1:
            return
        entry = entries[0].decode()
        try:
            scripts = join(self._root, entry)
        except (NotJoinable, OSError, UnicodeDecodeError) as error:
            logger.warning("server.static: the page's modules are served one by one: {}", error)
            return
        self.files |= {FOLDER + path: data for path, data in scripts.items()}
        self.page = self.page.replace(
            b'src="/static/%s"' % entries[0], b'src="/static/%s%s"' % (FOLDER.encode(), entries[0])
        )

    def _sheets_beside(self, names: list[str]) -> Iterator[str]:
        """All sheets in the folders of these. Joined scripts look for those that are loaded later beside themselves."""
        for folder in {posixpath.dirname(name) for name in names}:
            for path in (self._root / folder).glob("*.css"):
                yield posixpath.join(folder, path.name)

    def _join_sheets(self) -> None:
        names = [name.decode() for name in _SHEET.findall(self.page)]
        try:
            sheets = [(self._root / name).read_bytes() for name in names]
        except OSError as error:
            logger.warning(
                "server.static: the page's style sheets are served one by one: {}", error
            )
            return
        if len(names) < 2 or any(
            map(_REFERENCE.search, sheets)
        ):  # relative to each sheet's address
            return
        self.files[SHEET] = b"\n".join(
            b"/* %s */\n%s" % (posixpath.basename(name).encode(), _BLANK.sub(b"", sheet))
            for name, sheet in zip(names, sheets, strict=True)
        )
        for later in sorted({*self._sheets_beside(names)} - {*names}):
            self.files[FOLDER + later] = _BLANK.sub(b"", (self._root / later).read_bytes())
        one = b'<link rel="stylesheet" href="/static/%s">\n    ' % SHEET.encode()
        at = _SHEET.search(self.page)
        if at is not None:
            self.page = self.page[: at.start()] + one + _SHEET.sub(b"", self.page[at.start() :])
