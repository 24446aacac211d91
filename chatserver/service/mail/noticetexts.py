"""What mails say about a change of an account, in the languages of the page."""

from chatserver.service.mail.texts import Words

_LINK = {"en": "Open the server", "ja": "サーバーを開く"}
_END = {
    "en": "If it was not you: sign in, choose another password, end your other sessions and look at your ways to sign "
    "in, all in the settings. If you cannot sign in any more, tell those who run the server.",
    "ja": "お心当たりがない場合は、ログインして、設定画面でパスワードを変更し、ほかのセッションを終了し、"
    "ログインの方法を確認してください。ログインできない場合は、サーバーの管理者に連絡してください。",
}
_HELLO = {"en": "Hello {name},", "ja": "{name} さん"}

# Who made the change.
BY_ADDRESS = {
    "en": "It was done from the network address {address}.",
    "ja": "ネットワークアドレス {address} から行われました。",
}
BY_USER = {
    "en": "It was done by somebody who had signed in to your account.",
    "ja": "あなたのアカウントにログインした人が行いました。",
}
BY_STAFF = {"en": "An administrator did it.", "ja": "管理者が行いました。"}


def _notice(**texts: tuple[str, str]) -> dict[str, Words]:
    """The texts by language: of each, the subject and what happened; `{by}` says who did it."""
    return {
        language: Words(
            subject, f"{_HELLO[language]}\n\n{happened}\n\n{{by}}", _LINK[language], _END[language]
        )
        for language, (subject, happened) in texts.items()
    }


PASSWORD = _notice(
    en=(
        "Your password for {server} was changed",
        "the password of your account {username} on {server} was changed, on {at}.",
    ),
    ja=(
        "{server} のパスワードが変更されました",
        "{server} のアカウント {username} のパスワードが {at} に変更されました。",
    ),
)
EMAIL = _notice(
    en=(
        "Your e-mail address for {server} was changed",
        "your account {username} on {server} does not have this e-mail address any more, since {at}.",
    ),
    ja=(
        "{server} のメールアドレスが変更されました",
        "{server} のアカウント {username} のメールアドレスは {at} に変更され、このアドレスは使われなくなりました。",
    ),
)
ADDED = _notice(
    en=(
        "Another way to sign in to {server}",
        "your account {username} on {server} has another way to sign in, or another second step, since {at}: {method}.",
    ),
    ja=(
        "{server} のログインの方法が追加されました",
        "{server} のアカウント {username} に、ログインの方法または二段階目の確認が {at} に追加されました：{method}",
    ),
)
REMOVED = _notice(
    en=(
        "A way to sign in to {server} was removed",
        "from your account {username} on {server} a way to sign in, or a second step, was removed, on {at}: {method}.",
    ),
    ja=(
        "{server} のログインの方法が削除されました",
        "{server} のアカウント {username} から、ログインの方法または二段階目の確認が {at} に削除されました：{method}",
    ),
)
RECOVERY = _notice(
    en=(
        "New recovery codes for {server}",
        "new recovery codes were made for your account {username} on {server}, on {at}. Earlier ones are not valid any "
        "more.",
    ),
    ja=(
        "{server} の新しいリカバリーコード",
        "{server} のアカウント {username} の新しいリカバリーコードが {at} に作成されました。"
        "以前のコードは使えません。",
    ),
)
LEAVING = _notice(
    en=(
        "Your account on {server} is to be deleted",
        "on {at} it was asked that your account {username} on {server} be deleted. Until that is done you can keep it, "
        "in the settings, below the ways to sign in.",
    ),
    ja=(
        "{server} のアカウントの削除が申し込まれました",
        "{server} のアカウント {username} の削除が {at} に申し込まれました。"
        "削除されるまでは、設定画面のログインの方法の下で取り消せます。",
    ),
)
