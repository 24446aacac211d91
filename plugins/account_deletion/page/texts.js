/** The texts of the page's part. */
export const TEXTS = {
  en: {
    title: "Delete account",
    lead: "Your profile, your settings and your ways to sign in are deleted, and you leave your rooms. What you have written stays without your name, or goes: your server decides that.",
    after: "It is done after {days} days. Until then you can change your mind here.",
    "after.one": "It is done after a day. Until then you can change your mind here.",
    atOnce: "It is done at once, and cannot be undone.",
    open: "Delete my account…",
    name: "Type your user name, if you mean it",
    delete: "Delete my account",
    coming: "Your account will be deleted on {time}.",
    keep: "Keep my account",
  },
  ja: {
    title: "アカウントの削除",
    lead: "プロフィール、設定、ログインの方法が削除され、すべてのルームから退出します。書き込んだメッセージは、サーバーの設定により、名前を消して残るか、内容も削除されます。",
    after: "{days} 日後に削除されます。それまでは、ここで取り消せます。",
    "after.one": "1 日後に削除されます。それまでは、ここで取り消せます。",
    atOnce: "すぐに削除され、元に戻すことはできません。",
    open: "アカウントを削除…",
    name: "よろしければ、ユーザー名を入力してください",
    delete: "アカウントを削除する",
    coming: "アカウントは{time}に削除されます。",
    keep: "アカウントを残す",
  },
};
