/** Texts of the parts of the settings. */

export const TEXTS = {
  en: {
    none: "No picture yet: your initial is shown.",
    alt: "The present picture",
    choose: "Choose a picture",
    drop: "Or drop or paste one here. Everybody on this server can see it.",
    crop: "Part of the picture that is taken: arrow keys move it",
    zoom: "Zoom",
    save: "Save",
    cancel: "Cancel",
    remove: "Remove picture",
    saved: "Your picture is saved.",
    removed: "The picture is removed.",
    unreadable: "This file cannot be shown as a picture.",
  },
  ja: {
    none: "画像はまだありません。名前の頭文字が表示されます。",
    alt: "現在の画像",
    choose: "画像を選ぶ",
    drop: "ここにドロップするか貼り付けることもできます。画像はこのサーバーの全員に表示されます。",
    crop: "使う部分（矢印キーで動かせます）",
    zoom: "拡大",
    save: "保存",
    cancel: "キャンセル",
    remove: "画像を削除",
    saved: "画像を保存しました。",
    removed: "画像を削除しました。",
    unreadable: "このファイルは画像として表示できません。",
  },
};
