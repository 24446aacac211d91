/** Texts of the parts. */

export const TEXTS = {
  en: {
    title: "What you do",
    pronouns: "Pronouns",
    about: "About you",
    zone: "Time zone: others see what time it is for you",
    noZone: "Do not show",
    save: "Save",
    saved: "Saved.",
    time: "{time} local time",
    nothing: "Nothing.",
    clear: "Clear the profile",
    cleared: "The profile is cleared.",
  },
  ja: {
    title: "仕事・役割",
    pronouns: "代名詞",
    about: "自己紹介",
    zone: "タイムゾーン（あなたの現地時刻がほかの人に表示されます）",
    noZone: "表示しない",
    save: "保存",
    saved: "保存しました。",
    time: "現地時刻 {time}",
    nothing: "何も書かれていません。",
    clear: "プロフィールを消去",
    cleared: "プロフィールを消去しました。",
  },
};
