"""The page in an archive of somebody's data: HTML that opens from the disk, without scripts and without the network.

All that is not written here is escaped.
"""

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

import msgspec

TEXTS = {
    "en": {
        "title": "Data of {name}",
        "made": "Made {at} by {server}. data.json has the same for programs.",
        "nothing": "Nothing.",
        "lost": "its content could not be read",
    },
    "ja": {
        "title": "{name} さんのデータ",
        "made": "{at} に {server} で作成しました。data.json には、同じ内容がプログラム向けの形式で入っています。",
        "nothing": "ありません。",
        "lost": "内容を読み取れませんでした",
    },
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
dl { border-top: 1px solid #ccc; margin: 0; padding: 0.5rem 0; display: grid; grid-template-columns: 10rem 1fr; }
dt { color: #555; }
dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
"""
# Nothing of the page is loaded from elsewhere, and nothing in it runs, even if something was not escaped.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{made}</p>
"""
END = "</body>\n</html>\n"


def texts(language: str) -> Mapping[str, str]:
    """The texts of the page in a language, else in English."""
    return TEXTS["ja"] if language.partition("-")[0] == "ja" else TEXTS["en"]


def beginning(language: str, name: str, server: str, at: str) -> str:
    """The page up to the first part."""
    words = texts(language)
    return PAGE.format(
        language="ja" if words is TEXTS["ja"] else "en",
        policy=escape(POLICY),
        title=escape(words["title"].format(name=name)),
        made=escape(words["made"].format(at=at, server=server)),
        style=STYLE,
    )


def heading(title: str) -> str:
    """The beginning of a part."""
    return f"<h2>{escape(title)}</h2>\n"


def nothing(language: str) -> str:
    """What stands in a part without items."""
    return f"<p>{escape(texts(language)['nothing'])}</p>\n"


def entry(item: Mapping[str, Any], path: str | None) -> str:
    """One item: its fields with their values, and a link to its file (a path in the archive) if it has one."""
    rows = [
        f"<dt>{escape(name)}</dt><dd>{escape(_value(value))}</dd>" for name, value in item.items()
    ]
    if path is not None:
        rows.append(f'<dt>file</dt><dd><a href="{escape(quote(path))}">{escape(path)}</a></dd>')
    return f"<dl>{''.join(rows)}</dl>\n"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
