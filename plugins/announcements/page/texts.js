/** The texts of the page for staff. */
export const TEXTS = {
  en: {
    lead: "Everybody who uses this server sees the announcement in a line above the page, at once and on all devices, until it ends or they dismiss it.",
    text: "Text",
    tone: "Kind",
    info: "Information",
    warning: "Warning",
    until: "Ends (optional)",
    announce: "Announce",
    remove: "Remove",
    none: "Nothing is announced.",
    stands: "Everybody sees the announcement.",
    standsUntil: "Everybody sees the announcement, until {time}.",
  },
  ja: {
    lead: "お知らせは、このサーバーを使う全員のページの上部に、すべての端末ですぐに表示されます。終了するか、本人が閉じるまで表示されます。",
    text: "本文",
    tone: "種類",
    info: "お知らせ",
    warning: "警告",
    until: "終了日時（任意）",
    announce: "知らせる",
    remove: "取り下げる",
    none: "お知らせはありません。",
    stands: "お知らせを全員に表示しています。",
    standsUntil: "お知らせを {time} まで全員に表示しています。",
  },
};
