"""What mails say, in the languages of the page."""

from typing import NamedTuple


class Texts(NamedTuple):
    """The texts of mails; `{name}` is the reader's in `lead`, elsewhere the room's or the other user's."""

    subject: str
    subject_room: str
    subject_direct: str
    lead: str
    room: str
    direct: str
    more: str
    counted: str
    counted_one: str
    comma: str
    no_text: str
    times: str
    why: str
    settings: str
    stop: str
    stopped: str
    stopped_more: str
    ask: str
    ask_more: str
    wrong: str


TEXTS = {
    "en": Texts(
        subject="New messages on {server}",
        subject_room="New messages in {name} on {server}",
        subject_direct="New messages from {name} on {server}",
        lead="Hello {name}, this came on {server} while you were away:",
        room="{name}",
        direct="{name}, to you alone",
        more="… and {count} more.",
        counted="{count} messages from {names}",
        counted_one="A message from {names}",
        comma=", ",
        no_text="A message without a text",
        times="Times: {zone}",
        why="You get this because your account on {server} has this e-mail address.",
        settings="Choose when you get such mails",
        stop="No more of these mails",
        stopped="You get no more mails about messages",
        stopped_more="You can have them again: in the settings, under notifications.",
        ask="No more mails about messages?",
        ask_more="Mails about your account, such as links for a new password, still come.",
        wrong="This link is not valid",
    ),
    "ja": Texts(
        subject="{server} の新しいメッセージ",
        subject_room="{server} の {name} の新しいメッセージ",
        subject_direct="{server} の {name} さんからの新しいメッセージ",
        lead="{name} さん、離席中に {server} で次のメッセージがありました。",
        room="{name}",
        direct="{name} さんからのダイレクトメッセージ",
        more="…ほか {count} 件",
        counted="{count} 件のメッセージ（{names}）",
        counted_one="1 件のメッセージ（{names}）",
        comma="、",
        no_text="本文のないメッセージ",
        times="時刻は {zone} のものです。",
        why="このメールは、{server} のアカウントに登録されたメールアドレスにお送りしています。",
        settings="メールの頻度を変更する",
        stop="このメールの配信を停止する",
        stopped="メッセージのお知らせメールを停止しました",
        stopped_more="設定の「通知」から、いつでも再開できます。",
        ask="メッセージのお知らせメールを停止しますか？",
        ask_more="パスワードの再設定など、アカウントに関するメールは引き続き届きます。",
        wrong="このリンクは無効です",
    ),
}
