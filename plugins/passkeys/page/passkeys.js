/** The passkeys of one's own account: a list, with a new name or an end for each. */

export default function begin(page) {
  page.texts({
    en: {
      title: "Passkeys",
      none: "You have no passkeys.",
      made: "made {time}",
      used: "used {time}",
      backedUp: "backed up",
      rename: "Rename",
      name: "Name of the passkey",
      save: "Save",
      remove: "Remove",
    },
    ja: {
      title: "パスキー",
      none: "パスキーはありません。",
      made: "作成 {time}",
      used: "最終使用 {time}",
      backedUp: "バックアップ済み",
      rename: "名前を変更",
      name: "パスキーの名前",
      save: "保存",
      remove: "削除",
    },
  });
  page.place("account.parts/v1", {
    id: "list",
    label: () => page.t("title"),
    mount: (element, { attempt }) => draw(page, element, attempt),
  });
}

async function draw(page, element, attempt) {
  const { passkeys } = await page.request("GET", "/api/v1/me/passkeys");
  const list = make("ul", { className: "passkeys-list" });
  const change = (method, passkey, body) =>
    attempt(async () => {
      await page.request(method, `/api/v1/me/passkeys/${passkey.id}`, body);
      await draw(page, element, attempt);
    });
  for (const passkey of passkeys) list.append(row(page, passkey, change));
  element.replaceChildren(passkeys.length ? list : make("p", { className: "muted", textContent: page.t("none") }));
}

function row(page, passkey, change) {
  const time = (text) => new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(text));
  const facts = [
    page.t("made", { time: time(passkey.made) }),
    passkey.used && page.t("used", { time: time(passkey.used) }),
    passkey.is_backed_up && page.t("backedUp"),
  ].filter(Boolean);
  const name = make("strong", { textContent: passkey.name, dir: "auto" });
  const rename = button(page.t("rename"), () => item.replaceChildren(form(page, passkey, change)));
  const remove = button(page.t("remove"), () => void change("DELETE", passkey));
  rename.dataset.testid = "passkey-rename";
  remove.dataset.testid = "passkey-remove";
  const item = make("li", {});
  item.dataset.testid = "passkey";
  item.append(name, make("small", { className: "muted", textContent: facts.join(" · ") }), rename, remove);
  return item;
}

function form(page, passkey, change) {
  const field = make("input", { value: passkey.name, maxLength: 64, required: true, dir: "auto" });
  field.setAttribute("aria-label", page.t("name"));
  field.dataset.testid = "passkey-name";
  const form = make("form", { className: "passkeys-name" });
  form.append(field, make("button", { className: "quiet", textContent: page.t("save") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void change("PATCH", passkey, { name: field.value });
  });
  queueMicrotask(() => field.select());
  return form;
}

function button(textContent, onclick) {
  return make("button", { type: "button", className: "quiet", textContent, onclick });
}

function make(tag, fields) {
  return Object.assign(document.createElement(tag), fields);
}
