/**
 * The side bar: who I am, finding, creating and choosing rooms. Needs `session`, `store`, `active` (a room's id).
 * Fires "room-chosen" ({room}) and "message-chosen" ({room, seq}).
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { avatar } from "./avatar.js";
import { askNewRoom } from "./dialogs.js";
import { languageSelect } from "./language-select.js";
import { showSearch } from "./search-dialog.js";
import { signOut } from "./sign-out.js";
import { View } from "./view.js";

const KIND_ICON = { public: ICONS.hash, private: ICONS.lock, direct: ICONS.person };

class RoomList extends View {
  session;
  store;
  active = null;
  #filter;
  #groups;
  #me;

  build() {
    const { name, username } = this.store.me;
    this.#me = h("span", { class: "my-name", dir: "auto", title: `@${username}`, "data-testid": "my-name" });
    this.#filter = h("input", {
      type: "search",
      class: "filter",
      placeholder: t("rooms.filter"),
      "aria-label": t("rooms.filter"),
      "aria-keyshortcuts": "Control+K",
      dir: "auto",
      autocomplete: "off",
      "data-testid": "room-filter",
      oninput: () => this.draw(),
      onfocus: () => this.session.lookForRooms(),
      onkeydown: (event) => this.#onFilterKey(event),
    });
    this.#groups = h("nav", { class: "room-groups", "aria-label": t("rooms"), "data-testid": "room-list" });
    this.#groups.addEventListener("keydown", (event) => this.#onListKey(event));
    this.append(
      h(
        "div",
        { class: "side-head" },
        h("h1", {}, t("rooms")),
        h(
          "button",
          { class: "round", type: "button", title: t("search"), "aria-label": t("search"), "data-testid": "search", onclick: () => this.#search() },
          icon(ICONS.search),
        ),
        h(
          "button",
          { class: "round", type: "button", title: t("room.create"), "aria-label": t("room.create"), "data-testid": "new-room", onclick: () => this.create() },
          icon(ICONS.plus),
        ),
      ),
      h("div", { class: "side-filter" }, this.#filter),
      this.#groups,
      h(
        "div",
        { class: "side-foot" },
        avatar({ id: this.store.me.id, name: name || username }),
        this.#me,
        languageSelect(),
        h(
          "a",
          { class: "round", href: "#settings=profile", title: t("settings"), "aria-label": t("settings"), "data-testid": "account" },
          icon(ICONS.gear),
        ),
        h(
          "button",
          { class: "round", type: "button", title: t("signOut"), "aria-label": t("signOut"), "data-testid": "sign-out", onclick: () => void signOut(this.session) },
          icon(ICONS.leave),
        ),
      ),
    );
    this.listen(this.store, "change", () => this.redraw());
  }

  focusFilter() {
    this.#filter.focus();
    this.#filter.select();
  }

  /** The joined rooms in the order shown, for moving by keyboard. */
  order() {
    return [...this.#mine(), ...this.#direct()].map(({ id }) => id);
  }

  draw() {
    if (this.store.me) this.#me.textContent = this.store.me.name || this.store.me.username;
    const focused = this.#groups.contains(document.activeElement) ? document.activeElement.dataset.room : null;
    const groups = [
      this.#group("rooms.mine", this.#mine()),
      this.#group("rooms.direct", this.#direct()),
      this.#group("rooms.other", this.#matching((room) => !room.joined)),
    ].filter(Boolean);
    if (groups.length === 0) {
      const text = t(this.#filter.value ? "rooms.noMatch" : "rooms.none");
      groups.push(h("p", { class: "muted empty" }, text));
    }
    this.#groups.replaceChildren(...groups);
    if (focused) this.#groups.querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
  }

  #mine() {
    return this.#matching((room) => room.joined && room.kind !== "direct");
  }

  #direct() {
    return this.#matching((room) => room.joined && room.kind === "direct");
  }

  #matching(wanted) {
    const text = this.#filter.value.trim().normalize("NFKC").toLowerCase();
    const title = (room) => roomTitle(room).normalize("NFKC").toLowerCase();
    return [...this.store.rooms.values()]
      .filter((room) => wanted(room) && title(room).includes(text))
      .sort((a, b) => title(a).localeCompare(title(b)));
  }

  #group(heading, rooms) {
    if (rooms.length === 0) return null;
    const items = rooms.map((room) => h("li", {}, this.#button(room)));
    return h("section", {}, h("h2", {}, t(heading)), h("ul", {}, ...items));
  }

  #button(room) {
    const unread = room.unread > 0 && room.unread;
    return h(
      "button",
      {
        type: "button",
        class: `room ${unread ? "has-unread" : ""} ${room.joined ? "" : "not-joined"}`,
        "aria-current": room.id === this.active && "true",
        "data-room": room.id,
        "data-testid": "room",
        onclick: () => this.#choose(room.id),
      },
      icon(KIND_ICON[room.kind] ?? ICONS.hash),
      h("span", { class: "room-name", dir: "auto" }, roomTitle(room)),
      unread &&
        h(
          "span",
          { class: `badge ${room.mentions > 0 ? "mention" : ""}`, "data-testid": "unread", "aria-label": t("rooms.unread", { count: unread }) },
          unread > 99 ? "99+" : String(unread),
        ),
    );
  }

  #choose(room) {
    this.#filter.value = "";
    this.dispatchEvent(new CustomEvent("room-chosen", { detail: { room } }));
    this.draw();
  }

  #search() {
    const { session, store } = this;
    const open = (place) => this.dispatchEvent(new CustomEvent("message-chosen", { detail: place }));
    showSearch({ session, store, open });
  }

  /** Asks for a new room, and opens it. */
  create() {
    const { session } = this;
    askNewRoom(async ({ name, kind }) =>
      this.#choose(await (kind === "direct" ? session.directByName(name) : session.create({ name, kind }))),
    );
  }

  #buttons() {
    return [...this.#groups.querySelectorAll("button.room")];
  }

  #onFilterKey(event) {
    if (event.isComposing) return;
    const [first] = this.#buttons();
    if (event.key === "Enter" && first) {
      this.#choose(first.dataset.room);
    } else if (event.key === "ArrowDown" && first) {
      first.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && this.#filter.value) {
      this.#filter.value = "";
      this.draw();
      event.stopPropagation();
    }
  }

  #onListKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey) return;
    const buttons = this.#buttons();
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    (next ?? (step < 0 ? this.#filter : null))?.focus();
    event.preventDefault();
  }
}

customElements.define("room-list", RoomList);
