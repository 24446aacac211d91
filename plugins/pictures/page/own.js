/** One's own picture in the settings, or that of a room in its own: chosen, dropped or pasted, cut to a square, saved and removed. */

import { Cutter } from "./cutter.js";
import { button, make, shown, styled } from "./make.js";
import { TEXTS } from "./texts.js";

/** Fills the part; returns what ends it. */
export function showOwn(page, element) {
  page.texts(TEXTS);
  const { id } = page.me();
  return show(page, element, {
    address: "/api/v1/me/picture",
    find: async () => (await page.call("of", { users: [id] })).pictures[id],
    texts: { none: page.t("none"), drop: page.t("drop"), saved: page.t("saved") },
  });
}

/** The same for a room, for those who may change it. */
export function showOfRoom(page, element, room) {
  page.texts(TEXTS);
  return show(page, element, {
    address: `/api/v1/rooms/${encodeURIComponent(room)}/picture`,
    find: async () => (await page.call("of", { rooms: [room] })).rooms[room],
    texts: { none: page.t("roomNone"), drop: page.t("roomDrop"), saved: page.t("roomSaved") },
    isRound: false,
  });
}

/** `find` resolves with the address of the picture that there is; `address` is where it is set and removed. */
async function show(page, element, { address, find, texts, isRound = true }) {
  styled();
  const view = make("div", { className: "pictures-view" });
  const said = make("p", { className: "muted" });
  const fault = make("p", { className: "form-error" });
  said.role = "status";
  fault.role = "alert";
  const file = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => void take(file.files[0]) });
  file.dataset.testid = "picture-file";
  const end = new AbortController();

  /** Shows a refusal; `done` is said if there is none. */
  async function attempt(action, done = "") {
    said.textContent = fault.textContent = "";
    try {
      await action();
      said.textContent = done;
    } catch (error) {
      fault.textContent = typeof error.code === "string" ? page.errorText(error) : page.t("unreadable");
    }
  }

  function draw(url) {
    const choose = button("choose", page.t("choose"), () => file.click());
    const remove = button("remove", page.t("remove"), () => void attempt(() => removed(), page.t("removed")));
    remove.hidden = !url;
    const picture = url ? shown(page, url, isRound) : make("p", { className: "muted", textContent: texts.none });
    view.replaceChildren(picture, make("div", { className: "pictures-buttons" }, choose, remove), make("p", { className: "muted", textContent: texts.drop }));
    return choose;
  }

  async function removed() {
    await page.request("DELETE", address);
    draw(null).focus();
  }

  async function take(chosen) {
    file.value = "";
    if (!chosen) return;
    await attempt(async () => {
      const cutter = new Cutter(page, await createImageBitmap(chosen), isRound);
      const save = button("save", page.t("save"), () => void attempt(() => saved(cutter), texts.saved), "primary");
      const cancel = button("cancel", page.t("cancel"), () => void attempt(async () => (await present()).focus()));
      view.replaceChildren(cutter.node, make("div", { className: "pictures-buttons" }, save, cancel));
      save.focus();
    });
  }

  async function saved(cutter) {
    const { picture } = await put(address, await cutter.blob());
    draw(picture).focus();
  }

  /** Shows what stands now. */
  async function present() {
    return draw(await find());
  }

  const given = (event, items) => {
    const [picture] = [...items].filter(({ type }) => type.startsWith("image/"));
    if (!picture || event.defaultPrevented) return;
    event.preventDefault();
    void take(picture);
  };
  await present(); // before anything can be chosen, which it would replace
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => given(event, event.dataTransfer.files));
  document.addEventListener("paste", (event) => given(event, event.clipboardData.files), end);
  element.append(view, file, fault, said);
  return () => end.abort();
}

/** Sends the picture; rejects with the refusal. */
async function put(address, blob) {
  const answer = await fetch(address, { method: "PUT", body: blob }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (answer?.ok && told) return told;
  throw Object.assign(new Error("refused"), told?.error ?? { code: "connection.lost" });
}
