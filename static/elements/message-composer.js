/**
 * Where a message is written, answered or edited, or a command typed. Needs `session`, `store`, `places` and the
 * attribute data-room. Files that are dropped or pasted go to the plugins that take them. Fires "sent". Enter sends, Shift+Enter breaks the line; on a touch keyboard Enter breaks the line.
 */

import { dataOf } from "../lib/attached.js";
import { asMessage, asTyped, isCommand } from "../lib/commands.js";
import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { roomTitle } from "../lib/titles.js";
import { frozen } from "../lib/plugins.js";
import { chips } from "./composer-chips.js";
import { ComposerCommands } from "./composer-commands.js";
import { attempt, placeButton } from "./plugin-place.js";
import "./send-menu.js";
import { LIST_ID } from "./suggestion-list.js";
import { View } from "./view.js";

const TALLEST_PX = 180;

class MessageComposer extends View {
  session;
  store;
  places;
  #added;
  #chips;
  #text;
  #context;
  #error;
  #reply = null;
  #editing = null;
  #commands;
  #isRunning = false;

  get #room() {
    return this.store.room(this.dataset.room);
  }

  build() {
    const label = t("message.writeIn", { name: roomTitle(this.#room) });
    this.#context = h("div", { class: "composer-context", hidden: true, "data-testid": "composer-context" });
    this.#error = h("p", { class: "form-error", role: "alert" });
    this.#text = h("textarea", {
      rows: "1",
      dir: "auto",
      placeholder: t("message.write"),
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-controls": LIST_ID,
      enterkeyhint: "send",
      "data-testid": "composer",
      oninput: () => this.#onInput(),
      onkeydown: (event) => this.#onKey(event),
    });
    const send = h(
      "button",
      { class: "round send", type: "submit", title: t("message.send"), "aria-label": t("message.send"), "data-testid": "send" },
      icon(ICONS.send),
    );
    const onsubmit = (event) => {
      event.preventDefault();
      void this.#submit();
    };
    this.#added = h("div", { class: "composer-added" });
    this.listen(this.places, "change", ({ detail }) => detail.place.startsWith("composer.") && this.draw());
    const suggestions = h("suggestion-list");
    this.#commands = new ComposerCommands({ session: this.session, room: this.dataset.room, list: suggestions });
    this.listen(suggestions, "chosen", ({ detail }) => this.#take(detail.text));
    this.listen(suggestions, "active", ({ detail }) => this.#setActive(detail.id));
    this.listen(this.#text, "blur", () => this.#commands.close());
    this.#chips = h("ul", { class: "composer-chips", "aria-label": t("composer.attached") });
    const about = () => ({ room: this.#room, me: this.store.me });
    const later = h("send-menu", { places: this.places, about, context: () => this.#laterContext() });
    const row = h("form", { class: "composer-row", onsubmit }, this.#added, this.#text, later, send);
    this.append(suggestions, this.#context, this.#chips, this.#error, h("div", { "data-faults": true }, row));
    this.listen(this.#room.attached, "change", () => this.#drawChips());
    this.#drawChips();
    this.#takeFiles();
    this.#text.value = this.#room.draft;
    this.#grow();
    if (!matchMedia("(pointer: coarse)").matches) this.focusText();
  }

  draw() {
    const room = this.#room;
    const items = this.places.in("composer.buttons/v1").filter((item) => applies(item, { room, me: this.store.me }));
    const context = () => this.#contextOf({ text: this.#text.value, insert: (text) => this.#insert(text) });
    this.#added.replaceChildren(...items.map((item) => placeButton(item, context, { class: "round" })));
  }

  /** What an item of the composer gets. */
  #contextOf(more) {
    const { attached } = this.#room;
    const attach = (namespace, value, options) => attached.add(namespace, value, options);
    return Object.freeze({ room: this.dataset.room, attach, ...more });
  }

  /** What an item of `composer.send/v1` gets; null if there is no message to send. */
  #laterContext() {
    const body = this.#text.value.trim();
    const { attached } = this.#room;
    this.#error.textContent = "";
    if (this.#editing || isCommand(body) || (!body && !attached.items.length)) this.#error.textContent = t("composer.nothing");
    else if (attached.isWaiting) this.#error.textContent = t("composer.waiting");
    else {
      return Object.freeze({
        room: this.dataset.room,
        text: asMessage(body),
        reply_to: this.#reply?.id ?? null,
        data: frozen(dataOf(attached.items)),
        sent: () => this.#sent(),
      });
    }
    return null;
  }

  #drawChips() {
    if (!this.#room) return;
    this.#chips.replaceChildren(...chips(this.#room.attached));
    this.#chips.hidden = this.#room.attached.items.length === 0;
    if (!this.#room.attached.isWaiting) this.#error.textContent = "";
  }

  /** Files that are pasted, or dropped anywhere on the room. */
  #takeFiles() {
    const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files") && this.#takers().length > 0;
    const place = this.parentElement;
    this.listen(this.#text, "paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length && this.#giveFiles(files)) event.preventDefault();
    });
    this.listen(place, "dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.classList.add("dropping");
    });
    this.listen(place, "dragleave", ({ relatedTarget }) => place.contains(relatedTarget) || this.classList.remove("dropping"));
    this.listen(place, "drop", (event) => {
      this.classList.remove("dropping");
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#giveFiles([...event.dataTransfer.files]);
    });
  }

  #takers() {
    return this.places.in("composer.files/v1").filter((item) => applies(item, { room: this.#room, me: this.store.me }));
  }

  /** Whether an item takes files; the first one gets them. */
  #giveFiles(files) {
    const [item] = this.#takers();
    if (item) void attempt(item, () => item.take(this.#contextOf({ files })), this.#text);
    return Boolean(item);
  }

  /** Puts a text where the cursor is, in place of what is selected. */
  #insert(text) {
    this.#text.setRangeText(String(text), this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#onInput();
    this.focusText();
  }

  focusText() {
    this.#text.focus();
  }

  replyTo(message) {
    this.#setContext({ reply: message }, t("message.replyTo", { name: message.author.name }), message.body);
  }

  edit(message) {
    this.#setContext({ editing: message }, t("message.editing"), message.body);
    this.#text.value = message.body;
    this.#grow();
  }

  /** Takes back a message that was refused, to be changed; what is being written stays below it. */
  rewrite(message) {
    this.#clearContext();
    const answered = this.#room.messages.find(({ id }) => id === message.reply_to);
    if (answered) this.replyTo(answered);
    this.#text.value = [asTyped(message.body), this.#text.value].filter(Boolean).join("\n");
    for (const { namespace, value, label } of message.attached ?? []) this.#room.attached.add(namespace, value, { label });
    this.#room.draft = this.#text.value;
    this.session.outbox.discard(message.client_id);
    this.#grow();
    this.focusText();
  }

  #setContext({ reply = null, editing = null }, title, body) {
    if (this.#editing) this.#text.value = "";
    this.#commands.close();
    this.#reply = reply;
    this.#editing = editing;
    const close = h(
      "button",
      { class: "round", type: "button", title: t("cancel"), "aria-label": t("cancel"), onclick: () => this.#clearContext() },
      icon(ICONS.close),
    );
    this.#context.replaceChildren(h("div", {}, h("strong", {}, title), h("span", { dir: "auto" }, body)), close);
    this.#context.hidden = false;
    this.focusText();
  }

  #clearContext() {
    if (this.#editing) this.#text.value = "";
    this.#reply = null;
    this.#editing = null;
    this.#context.hidden = true;
    this.#context.replaceChildren();
    this.#grow();
    this.focusText();
  }

  #onInput() {
    this.#grow();
    this.#error.textContent = "";
    const text = this.#text.value;
    if (!this.#editing) this.#room.draft = text;
    if (!this.#editing) this.#commands.typed(text.trimStart());
    if (text.trim() && !this.#isCommand(text)) this.session.typing(this.dataset.room);
  }

  #isCommand(text) {
    return !this.#editing && isCommand(text.trimStart());
  }

  #take(text) {
    this.#text.value = text;
    this.focusText();
    this.#onInput();
  }

  #setActive(id) {
    if (id) this.#text.setAttribute("aria-activedescendant", id);
    else this.#text.removeAttribute("aria-activedescendant");
  }

  #onKey(event) {
    // An input method ends its word with Enter; 229 is how Safari tells after the composition has ended.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#commands.takesKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches) {
      event.preventDefault();
      void this.#submit();
    } else if (event.key === "Escape" && !this.#context.hidden) {
      event.stopPropagation();
      this.#clearContext();
    } else if (event.key === "ArrowUp" && !event.altKey && this.#text.value === "") {
      this.#editLast(event);
    }
  }

  #editLast(event) {
    const mine = this.#room.messages.findLast(({ author, deleted }) => author.id === this.store.me.id && !deleted);
    if (!mine) return;
    event.preventDefault();
    this.edit(mine);
  }

  async #submit() {
    const { attached } = this.#room;
    // A message needs a text; that of files without one is their names.
    const body = this.#text.value.trim() || (this.#editing ? "" : attached.items.map(({ label }) => label).join("\n"));
    if (!body) return;
    if (this.#editing) {
      await this.#submitEdit(body);
      return;
    }
    if (isCommand(body)) {
      await this.#run(body);
      return;
    }
    if (attached.isWaiting) {
      this.#error.textContent = t("composer.waiting");
      return;
    }
    this.session.send(this.dataset.room, asMessage(body), this.#reply?.id, attached.take());
    this.#sent();
  }

  /** The message is on its way: the composer is empty again. */
  #sent() {
    this.#room.attached.take();
    this.#text.value = "";
    this.#room.draft = "";
    this.#clearContext();
    this.dispatchEvent(new CustomEvent("sent"));
  }

  /** A command that is refused stays, to be changed. */
  async #run(body) {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#error.textContent = "";
    const refusal = await this.#commands.run(body);
    this.#isRunning = false;
    this.#error.textContent = refusal;
    if (refusal) return;
    if (this.#text.value.trim() === body) {
      this.#text.value = "";
      if (this.#room) this.#room.draft = "";
      this.#commands.typed("");
      this.#grow();
    }
    this.dispatchEvent(new CustomEvent("sent"));
  }

  async #submitEdit(body) {
    const { id, body: before } = this.#editing;
    try {
      if (body !== before) await this.session.edit(this.dataset.room, id, body);
      this.#clearContext();
    } catch (error) {
      this.#error.textContent = errorText(error);
    }
  }

  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, TALLEST_PX)}px`;
  }
}

customElements.define("message-composer", MessageComposer);
