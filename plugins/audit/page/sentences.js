/** An entry of the log as a sentence. No DOM. */

/** `users` has the names of users by id. A kind without a text of its own is shown as it is. */
export function sentence(page, entry, users) {
  const name = (id) => (id ? (users[id] ? `${users[id].name || users[id].username} (@${users[id].username})` : id) : page.t("nobody"));
  const role = (value) => (value ? page.t(`role.${value}`) : "");
  const room = entry.room ? page.room(entry.room)?.name || entry.room : "";
  const values = {
    user: name(entry.user),
    by: entry.by ? name(entry.by) : page.t("server"),
    author: name(entry.author),
    of: entry.of ? name(entry.of) : "",
    role: role(entry.role),
    was: role(entry.was),
    room,
    plugin: entry.plugin ?? "",
    settings: (entry.settings ?? []).join(", "),
    method: entry.method ?? "password",
    item: entry.item ?? "",
    times: entry.times ?? 1,
    done: entry.kind === "decision" ? (entry.what ?? ["none"]).map((step) => page.t(`done.${step}`)).join(", ") : "",
    what: entry.kind === "look" ? page.t(`look.${entry.what}`, { room, of: entry.of ? name(entry.of) : "" }) : "",
  };
  const key = keyOf(entry);
  const text = page.t(key, values);
  return text === key ? entry.kind : text.trim();
}

function keyOf(entry) {
  const { kind, outcome, user, author, by } = entry;
  if (kind === "login") return `login.${outcome}`;
  if ((kind === "member.joined" || kind === "member.left") && user === author) return `${kind}.self`;
  if (kind === "account.group_left" && user === by) return `${kind}.self`;
  if (kind === "account.signed_out" && by && by !== user) return `${kind}.by`;
  return kind;
}
