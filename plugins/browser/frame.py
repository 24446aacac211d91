"""The frame that all pages of the browser share: head, navigation, errors."""

from chatserver import ChatError
from chatserver_plugins.browser.markup import Markup, element, join, link, void

HOME = "/_admin/data"


def page(title: str, *content: str) -> bytes:
    """A complete page in UTF-8."""
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width"),
        element("title", f"{title} · data"),
        void("link", rel="icon", href="/static/icon.svg"),
        void("link", rel="stylesheet", href=f"{HOME}/browser.css"),
    )
    body = element("body", _header(), element("main", element("h1", title), *content))
    return (Markup("<!DOCTYPE html>\n") + element("html", head, body, lang="en")).encode()


def refusal(error: ChatError) -> bytes:
    """A page with the error."""
    parts = [element("p", error.text), element("p", element("code", error.code))]
    if error.meaning.status == 401:
        parts.append(element("p", link("Sign in", "/"), ", then come back to this address."))
    return page("Not shown", *parts)


def pager(*links: tuple[str, Markup | None]) -> Markup:
    """Navigation links; an entry without a link is shown as plain text."""
    shown = (target or element("span", name, class_="quiet") for name, target in links)
    return element("nav", *shown)


def field(label: str, name: str, address: str, size: int = 34, **hidden: str) -> Markup:
    """A form with one field, submitted to an address by GET."""
    kept = (void("input", type="hidden", name=name, value=value) for name, value in hidden.items())
    about = {"placeholder": label, "aria_label": label}
    entry = void("input", name=name, size=str(size), maxlength="256", **about)
    return element("form", join(kept), entry, element("button", "Go"), action=address)


def _header() -> Markup:
    return element(
        "header",
        element("strong", "Data"),
        link("Rooms", HOME),
        link("Users", f"{HOME}/users"),
        link("Sessions", f"{HOME}/sessions"),
        field("room, message or user: id or name", "for", f"{HOME}/find"),
    )
