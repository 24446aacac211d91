/** Japanese texts of formatted messages. */
export default {
  "format.code": "コード",
  "format.codeIn": "{language} のコード",
  "format.copy": "コピー",
  "format.copied": "コピーしました",
  "format.notCopied": "コピーできませんでした",
  "format.table": "表",
  "format.done": "完了：",
  "format.open": "未完了：",
  "format.spoiler": "ネタバレ",
  "format.reveal": "隠された内容を表示",
};
