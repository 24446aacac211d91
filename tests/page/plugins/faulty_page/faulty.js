const ICON = "M1 1h2";
const FUNCTIONS = { button: "run", part: "mount", files: "take", list: "list", filter: "filter", picture: "picture", names: "find" };
const KINDS = {
  "account.parts/v1": "part",
  "admin.page/v1": "part",
  "admin.user/v1": "part",
  "avatars/v1": "picture",
  "composer.buttons/v1": "button",
  "composer.emoji/v1": "list",
  "composer.files/v1": "files",
  "composer.names/v1": "names",
  "composer.send/v1": "button",
  "directory.parts/v1": "part",
  "message.actions/v1": "button",
  "message.data/v1": "part",
  "message.last/v1": "part",
  "message.parts/v1": "part",
  "notifications.parts/v1": "part",
  "notifications/v1": "filter",
  "page.lines/v1": "part",
  "person.parts/v1": "part",
  "profile.parts/v1": "part",
  "room.actions/v1": "button",
  "room.panels/v1": "part",
  "room.settings/v1": "part",
  "settings.page/v1": "part",
  "side.panels/v1": "part",
  "thread.actions/v1": "button",
};

export default function begin(page) {
  const tried = new Set();
  for (const [place, kind] of Object.entries(KINDS)) {
    const use = (element) => {
      if (!tried.has(place)) {
        tried.add(place);
        throw new Error("broken on purpose");
      }
      document.documentElement.dataset.worked = `${document.documentElement.dataset.worked ?? ""} ${place}`;
      if (kind === "part") element.append("It works now.");
    };
    const id = place === "message.data/v1" ? "faulty" : place.replace(/\W/g, "-");
    const count = () => {
      throw new Error("broken on purpose");
    };
    const wants = ({ message }) => message.body.endsWith("message.parts/v1");
    const put = () => void page.place(place, { id, count, wants, label: id, icon: ICON, [FUNCTIONS[kind]]: use });
    // Every room would begin with this fault.
    if (place === "message.last/v1") page.place("room.actions/v1", { id: "put", label: "put", icon: ICON, run: put });
    else put();
  }
  page.place("room.actions/v1", { id: "tell", label: "tell", icon: ICON, run: ({ room }) => page.notify({ title: "Told", body: "by faulty", room }) });
}
