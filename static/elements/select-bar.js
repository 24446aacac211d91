/** The bar in place of the composer while messages are chosen: how many, and what can be done with all of them. */

import { forEach } from "../lib/batch.js";
import { asText } from "../lib/chosen.js";
import { h, icon, ICONS, write } from "../lib/dom.js";
import { errorText, formatDate, formatTime, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { complain, frozen } from "../lib/plugins.js";
import { rightsIn } from "../lib/rights.js";
import { ask, show } from "./dialogs.js";
import "./later-texts.js";
import { loaded } from "./loaded.js";
import { labelOf, replaceButtons } from "./plugin-place.js";
import { tell, tellDone } from "./toasts.js";

const COPY = "M9 9h11v11H9zM5 15H4V4h11v1";
const MOST_REASONS = 3; // that are told of, of those for which messages were refused

export class SelectBar {
  node;
  #list;
  #chosen;
  #end;
  #onChange;
  #said = h("p", { role: "status", "data-testid": "select-count" });
  #cancel;
  #forward;
  #copy;
  #delete;
  #added = h("div", { class: "select-actions" }); // of plugins
  /** @type {AbortController | null} */
  #running = null; // what is done with each message
  #shown = ""; // the keys of plugins' items

  /** `list` is the <message-list>, `chosen` are its messages (lib/chosen.js). `onChange()` is told when others are chosen, `end()` ends it all. */
  constructor({ list, chosen, onChange, end }) {
    this.#list = list;
    this.#chosen = chosen;
    this.#onChange = onChange;
    this.#end = end;
    this.#cancel = h("button", { class: "round", type: "button", title: t("cancel"), "aria-label": t("cancel"), "data-testid": "select-cancel", onclick: () => this.cancel() }, icon(ICONS.close));
    this.#forward = button(t("forward.send"), ICONS.forward, "select-forward", () => this.#onForward());
    this.#copy = button(t("copy"), COPY, "select-copy", () => this.#onCopy());
    this.#delete = button(t("message.delete"), ICONS.trash, "select-delete", () => this.#onDelete());
    this.#delete.classList.add("delete");
    const own = h("div", { class: "select-actions" }, this.#forward, this.#copy, this.#delete);
    this.node = h("div", { class: "select-bar", role: "group", "aria-label": t("select.bar"), "data-faults": true, "data-testid": "select-bar" }, this.#cancel, this.#said, this.#added, own);
  }

  draw() {
    const { count, messages } = this.#chosen;
    const isIdle = count > 0 && !this.#running;
    const mayDelete = messages.every((message) => this.#mayDelete(message));
    if (!this.#running) write(this.#said, { textContent: t("select.count", { count }) });
    write(this.#forward, { disabled: !isIdle });
    write(this.#copy, { disabled: !isIdle });
    write(this.#delete, { disabled: !isIdle || !mayDelete, title: mayDelete ? t("message.delete") : t("select.notYours") });
    const items = isIdle ? this.#items(messages) : [];
    if (items.map(({ key }) => key).join() !== this.#shown) this.#showItems(items);
  }

  /** Ends what is being done, of which nothing more is begun; else the choice. */
  cancel() {
    if (this.#running) this.#running.abort();
    else this.#end();
  }

  get #room() {
    return this.#list.store.room(this.#list.flow.room);
  }

  #mayDelete({ author }) {
    const { me } = this.#list.store;
    return rightsIn(me, this.#room).has(author.id === me.id ? "delete" : "moderate");
  }

  // -- plugins

  /** What plugins do with each of several messages, and would do with all of these. */
  #items(messages) {
    const { places, store } = this.#list;
    return places.in("message.actions/v1").filter((item) => item.each && messages.every((message) => applies(item, { message, room: this.#room, me: store.me })));
  }

  #showItems(items) {
    this.#shown = items.map(({ key }) => key).join();
    replaceButtons(
      this.#added,
      items.map((item) => {
        const label = labelOf({ ...item, label: item.each.label });
        return button(label, item.icon, `select-${item.key}`, () => this.#forEach(label, (message) => runItem(item, message)));
      }),
    );
  }

  // -- the page's own

  async #onForward() {
    const part = await loaded(import("./forward-dialog.js"));
    if (!part || this.#chosen.count === 0) return;
    part.showForward(this.#list, this.#chosen.messages, () => this.#end());
  }

  /** Where the browser has no clipboard, as over plain HTTP, the text is shown to be copied by hand. */
  async #onCopy() {
    const { messages, count } = this.#chosen;
    const text = asText(messages, (date) => `${formatDate(date)} ${formatTime(date)}`);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      showText(text);
      return;
    }
    this.#end();
    tellDone(t("select.copied", { count }), "select.copied");
  }

  async #onDelete() {
    if (!(await ask(t("select.deleteConfirm", { count: this.#chosen.count }), t("message.delete")))) return;
    const { session } = this.#list;
    await this.#forEach(t("message.delete"), ({ room, id }) => session.remove(room, id).catch(unlessGone));
  }

  /**
   * Does something with each message that is chosen. Those with which it is done are chosen no more; when it is done with all,
   * the choice ends. `label` says what it is. It goes on when the room is left.
   */
  async #forEach(label, run) {
    const { messages } = this.#chosen;
    const count = messages.length;
    const running = new AbortController();
    const hadFocus = this.node.contains(document.activeElement);
    const onProgress = (ended) => write(this.#said, { textContent: t("select.progress", { ended, count }) });
    this.#running = running;
    onProgress(0);
    this.draw();
    if (hadFocus) this.#cancel.focus(); // the others cannot be pressed now
    const { done, failed } = await forEach(messages, run, { signal: running.signal, onProgress });
    this.#running = null;
    const ids = new Set(done.map(({ id }) => id));
    this.#chosen.keep(({ id }) => !ids.has(id));
    if (failed.length) tell(t("select.failed", { what: label, failed: failed.length, count, reason: reasons(failed) }), "select.failed");
    else if (!running.signal.aborted) tellDone(t("select.done", { what: label, count }), "select.done");
    if (this.#chosen.count === 0) this.#end();
    else this.#onChange();
  }
}

/** @param {string} label */
function button(label, path, testid, onclick) {
  return h("button", { type: "button", title: label, "aria-label": label, "data-testid": testid, onclick: () => void onclick() }, icon(path), h("span", {}, label));
}

/** What is wrong with a plugin stands in the console, too. */
async function runItem(item, message) {
  try {
    await item.each.run({ message: frozen(message) });
  } catch (error) {
    if (!error?.code) complain(item.plugin, error);
    throw error;
  }
}

/** A message that somebody else has deleted meanwhile is as it should be. */
function unlessGone(error) {
  if (error.code !== "message.not_found") throw error;
}

/** Why messages were refused. */
function reasons(failed) {
  const all = failed.map(({ error }) => (error?.code ? errorText(error) : t("plugin.broken")));
  return [...new Set(all)].slice(0, MOST_REASONS).join(" ");
}

function showText(text) {
  const title = t("select.copyTitle");
  const field = h("textarea", { class: "copied-text", rows: "8", readonly: true, dir: "auto", "aria-label": title, value: text, "data-testid": "select-text", onfocus: () => field.select() });
  const close = h("button", { class: "primary", "data-testid": "select-text-close" }, t("close"));
  show(h("dialog", { class: "dialog", "aria-label": title }, h("form", { method: "dialog", class: "stack" }, h("h2", {}, title), field, h("div", { class: "dialog-buttons" }, close))));
  field.focus();
}
