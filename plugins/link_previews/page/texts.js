/** The texts of the page's part. */
export const TEXTS = {
  en: {
    previews: "Previews of links",
    remove: "Remove preview",
    removeOf: "Remove preview for everybody: {title}",
    wanted: "Show previews of links on this device",
    lead: "Below a message, the server shows what the pages say about themselves to which it links. Write an address between < and > to have none.",
  },
  ja: {
    previews: "リンクのプレビュー",
    remove: "プレビューを削除",
    removeOf: "プレビューを削除（全員の画面から）：{title}",
    wanted: "この端末でリンクのプレビューを表示する",
    lead: "メッセージの下に、リンク先のページのタイトルや説明を表示します。アドレスを < と > で囲むと、プレビューは表示されません。",
  },
};
