/** English texts of the settings of rooms. */
export default {
  "bans": "Banned people",
  "bans.none": "Nobody is banned from this room.",
  "bans.by": "Banned by {name}, {time}",
  "bans.lift": "Lift ban",
  "room.archive": "Archive room",
  "room.archiveLead": "An archived room can be read and searched, but nothing can be written or changed. It can be restored.",
  "room.archiveConfirm": "Archive {name}? It can then only be read, until it is restored.",
  "room.delete": "Delete room…",
  "room.deleteLead": "A deleted room is gone for everybody, with all its messages and files. This cannot be undone.",
  "room.removeConfirm": "Remove {name} from this room?",
  "room.invited": "Added to the room.",
  "posting": "Who may write",
  "posting.everyone": "Everyone",
  "posting.moderators": "Only owners and admins",
  "posting.hint": "All members can read and react.",
};
