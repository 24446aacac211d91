/**
 * The composer, or a line that says why one cannot write; what was being written stays in the composer. Above it, how
 * long one waits between two messages, where that is so. Needs `session`, `store`, `composer` and the attribute data-room.
 */

import { enable, h } from "../lib/dom.js";
import { formatAge, t } from "../lib/i18n.js";
import { rightsIn } from "../lib/rights.js";
import { tellError } from "./toasts.js";
import { View } from "./view.js";

const SILENCE = {
  archived: ["archived-bar", "room.archivedLead"],
  blocked: ["blocked-bar", "error.user.blocked"],
  moderatorsWrite: ["posting-bar", "room.moderatorsWrite"],
}; // what the bar is called in tests, and says

class ComposerFoot extends View {
  session;
  store;
  composer;
  /** @type {"archived" | "blocked" | "moderatorsWrite" | null | undefined} */
  silent = undefined; // why one cannot write; undefined before it is known

  #slow; // the line on waiting

  build() {
    this.silent = undefined;
    this.#slow = h("p", { class: "muted slow-mode", "data-testid": "slow-mode" });
    this.listen(this.store, "change", ({ detail }) => {
      if (detail.room !== null && detail.room !== this.dataset.room) return;
      if (detail.only === null) this.redraw();
      else if (detail.only === "event") this.redrawSoon();
    });
  }

  draw() {
    const room = this.store.room(this.dataset.room);
    this.#slow.textContent = room && isSlow(this.store, room) ? t("room.slow", { time: formatAge(room.slowMode) }) : "";
    const why = room ? whySilent(this.store, room) : this.silent;
    if (why === this.silent) return;
    this.silent = why;
    const hadFocus = this.contains(document.activeElement);
    const bar = why && silentBar(this, why);
    this.replaceChildren(...(bar ? [bar] : [this.#slow, this.composer]));
    if (hadFocus && bar) bar.focus();
    else if (hadFocus) this.composer.focusText();
  }
}

/** Why somebody cannot write in a room that they are in; null if they can. */
function whySilent({ me, blocked }, room) {
  if (blocked.has(room.other)) return "blocked";
  if (rightsIn(me, room).has("post")) return null;
  return room.archived ? "archived" : "moderatorsWrite";
}

function isSlow({ me }, room) {
  return room.slowMode > 0 && !rightsIn(me, room).has("moderate");
}

/** Says why one cannot write, and offers what ends it: to unblock somebody, or to restore an archived room to those who may. */
function silentBar({ session, store, dataset }, why) {
  const id = dataset.room;
  const [testid, text] = SILENCE[why];
  const onclick = async ({ currentTarget: button }) => {
    button.disabled = true;
    await session.archive(id, false).catch(tellError);
    enable(button);
  };
  const mayRestore = why === "archived" && rightsIn(store.me, store.room(id)).has("archive");
  const unblock = () => void session.blocks.remove(store.room(id).other).catch(tellError);
  return h(
    "div",
    { class: "silent-bar", tabindex: "-1", "data-testid": testid },
    h("p", { class: "muted" }, t(text)),
    why === "blocked" && h("button", { class: "quiet", type: "button", "data-testid": "blocked-undo", onclick: unblock }, t("block.undo")),
    mayRestore && h("button", { class: "quiet", type: "button", "data-testid": "archived-restore", onclick: (event) => void onclick(event) }, t("room.restore")),
  );
}

customElements.define("composer-foot", ComposerFoot);
