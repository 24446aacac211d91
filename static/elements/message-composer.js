/**
 * Where a message is written, answered or edited, or a command typed. Needs `session`, `store`, `places` and the
 * attribute data-room. Fires "sent". Enter sends, Shift+Enter breaks the line; on a touch keyboard Enter breaks the line.
 */

import { asMessage, asTyped, isCommand } from "../lib/commands.js";
import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { roomTitle } from "../lib/titles.js";
import { ComposerCommands } from "./composer-commands.js";
import { placeButton } from "./plugin-place.js";
import { LIST_ID } from "./suggestion-list.js";
import { View } from "./view.js";

const TALLEST_PX = 180;

class MessageComposer extends View {
  session;
  store;
  places;
  #added;
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
    this.#added = h("div", { class: "composer-added", "data-faults": true });
    this.listen(this.places, "change", ({ detail }) => detail.place.startsWith("composer.") && this.draw());
    const suggestions = h("suggestion-list");
    this.#commands = new ComposerCommands({ session: this.session, room: this.dataset.room, list: suggestions });
    this.listen(suggestions, "chosen", ({ detail }) => this.#take(detail.text));
    this.listen(suggestions, "active", ({ detail }) => this.#setActive(detail.id));
    this.listen(this.#text, "blur", () => this.#commands.close());
    this.append(suggestions, this.#context, this.#error, h("form", { class: "composer-row", onsubmit }, this.#added, this.#text, send));
    this.#text.value = this.#room.draft;
    this.#grow();
    if (!matchMedia("(pointer: coarse)").matches) this.focusText();
  }

  draw() {
    const room = this.#room;
    const items = this.places.in("composer.buttons/v1").filter((item) => applies(item, { room, me: this.store.me }));
    const context = () => Object.freeze({ room: this.dataset.room, text: this.#text.value, insert: (text) => this.#insert(text) });
    this.#added.replaceChildren(...items.map((item) => placeButton(item, context, { class: "round" })));
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
    const body = this.#text.value.trim();
    if (!body) return;
    if (this.#editing) {
      await this.#submitEdit(body);
      return;
    }
    if (isCommand(body)) {
      await this.#run(body);
      return;
    }
    this.session.send(this.dataset.room, asMessage(body), this.#reply?.id);
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
