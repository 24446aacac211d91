"""What mails say, in the languages of the page. The first language of `Accept-Language` that there is counts."""

from html import escape
from typing import NamedTuple

from chatserver.hooks.mail import Mail


class Words(NamedTuple):
    """The texts of one mail; `{name}` is the user's shown name, `{username}` the user name, `{server}` the server's."""

    subject: str
    lead: str
    link: str
    end: str


RESET = {
    "en": Words(
        "New password for {server}",
        "Hello {name},\n\nsomebody asked for a new password for your account {username} on {server}. To choose one, "
        "open this link within an hour. It can be used once.",
        "Choose a new password",
        "If it was not you, you need not do anything: your password stays as it is.",
    ),
    "ja": Words(
        "{server} のパスワードの再設定",
        "{name} さん\n\n{server} のアカウント {username} について、パスワードの再設定の申し込みがありました。"
        "1 時間以内に次のリンクを開いて、新しいパスワードを設定してください。リンクは一度だけ使えます。",
        "新しいパスワードを設定する",
        "お心当たりがない場合は、何もする必要はありません。パスワードは変わりません。",
    ),
}
CONFIRM = {
    "en": Words(
        "Confirm your e-mail address for {server}",
        "Hello {name},\n\nthe account {username} on {server} is to have this e-mail address. To confirm it, open this "
        "link within a day.",
        "Confirm the address",
        "If this is not your account, you need not do anything: the address is not used.",
    ),
    "ja": Words(
        "{server} のメールアドレスの確認",
        "{name} さん\n\n{server} のアカウント {username} に、このメールアドレスを登録する申し込みがありました。"
        "24 時間以内に次のリンクを開いて確認してください。",
        "メールアドレスを確認する",
        "お心当たりがない場合は、何もする必要はありません。このアドレスは使われません。",
    ),
}
SUBJECT_CHARS = 200


def language_of(accepted: str) -> str:
    """The language for a reader, by `Accept-Language` (RFC 9110, 12.5.4): in the order of the list."""
    for each in accepted.split(","):
        tag = each.partition(";")[0].strip().partition("-")[0].lower()
        if tag in RESET:
            return tag
    return "en"


def written(words: dict[str, Words], to: str, link: str, language: str, **names: str) -> Mail:
    """The mail with this link; `names` are those of `Words`."""
    said = words[language]
    plain = {key: " ".join(name.split()) for key, name in names.items()}  # no line breaks
    subject, lead, end = (text.format(**plain) for text in (said.subject, said.lead, said.end))
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in lead.split("\n\n"))
    return Mail(
        to=to,
        subject=subject[:SUBJECT_CHARS],
        text=f"{lead}\n\n{link}\n\n{end}\n",
        html=f'<html lang="{language}"><body>{paragraphs}<p><a href="{escape(link)}">{escape(said.link)}</a></p>'
        f"<p>{escape(end)}</p></body></html>\n",
    )
