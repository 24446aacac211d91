/** Japanese texts of the settings of rooms. */
export default {
  "bans": "参加を禁止した人",
  "bans.none": "参加を禁止した人はいません。",
  "bans.by": "{name} が禁止（{time}）",
  "bans.lift": "禁止を解除",
  "room.archive": "ルームをアーカイブ",
  "room.archiveLead": "アーカイブしたルームは閲覧と検索だけができ、書き込みや変更はできません。後で元に戻せます。",
  "room.archiveConfirm": "「{name}」をアーカイブしますか？元に戻すまで閲覧のみになります。",
  "room.delete": "ルームを削除…",
  "room.deleteLead": "削除したルームは、メッセージやファイルとともに全員から見えなくなります。元に戻すことはできません。",
  "room.removeConfirm": "{name} をこのルームから外しますか？",
  "room.invited": "ルームに追加しました。",
  "posting": "書き込める人",
  "posting.everyone": "全員",
  "posting.moderators": "オーナーと管理者のみ",
  "posting.hint": "閲覧とリアクションはメンバー全員ができます。",
};
