/** The texts of the list. */
export const TEXTS = {
  en: {
    lead: "Where you were mentioned, and what became of your messages.",
    none: "Nothing yet. Mentions, replies and reactions to your messages come here, and replies in threads that you follow.",
    mention: "{name} mentioned you",
    reply: "{name} answered you",
    thread: "{name} replied in a thread",
    reaction: "{name} reacted with {emoji}",
    unread: "new",
    file: "A message without a text",
    more: "Show older ones",
    gone: "There are no older ones.",
  },
  ja: {
    lead: "あなたへのメンションと、あなたのメッセージへの反応です。",
    none: "まだ何もありません。メンションや、あなたのメッセージへの返信とリアクション、フォロー中のスレッドの返信がここに届きます。",
    mention: "{name} さんがあなたにメンションしました",
    reply: "{name} さんが返信しました",
    thread: "{name} さんがスレッドで返信しました",
    reaction: "{name} さんが {emoji} でリアクションしました",
    unread: "新着",
    file: "本文のないメッセージ",
    more: "以前のものを表示",
    gone: "これより前のものはありません。",
  },
};
