/** The texts of the page's part. */
export const TEXTS = {
  en: {
    at: "Send at a time…",
    done: "The message will be sent on {time}.",
    noData: "A message with attachments cannot be sent later.",
    none: "No messages are scheduled.",
    failed: "Not sent: {reason}",
    change: "Change",
    cancel: "Cancel message",
    time: "Time",
    message: "Message",
    save: "Save",
    close: "Close",
  },
  ja: {
    at: "日時を指定して送信…",
    done: "メッセージを予約しました（{time}）。",
    noData: "添付のあるメッセージは予約できません。",
    none: "予約したメッセージはありません。",
    failed: "送信できませんでした：{reason}",
    change: "変更",
    cancel: "予約を取り消す",
    time: "日時",
    message: "メッセージ",
    save: "保存",
    close: "閉じる",
  },
};
