/**
 * Where a message is written, answered or edited, or a command typed. Needs `session`, `store`, `places` and `flow`
 * (lib/room-flow.js); in a thread `broadcast`, the box that sends a reply to the room, too. Files that are dropped or pasted
 * go to the plugins that take them. What is written is the draft of the room or thread (lib/drafts.js), over reloads and in
 * all tabs. With data-rests it leaves the focus where it is. Fires "sent". Enter sends, Shift+Enter breaks the line; on a
 * touch keyboard Enter breaks the line.
 */

import { dataOf, described } from "../lib/attached.js";
import { asMessage, asTyped, isCommand } from "../lib/commands.js";
import { h, icon, ICONS, insertText } from "../lib/dom.js";
import { hasEmoji } from "../lib/emoji.js";
import { errorText, t } from "../lib/i18n.js";
import { plainOf } from "../lib/late-formatting.js";
import { namesMany } from "../lib/mentions.js";
import { applies } from "../lib/places.js";
import { roomTitle } from "../lib/titles.js";
import { frozen } from "../lib/plugins.js";
import { Chips } from "./composer-chips.js";
import { loaded } from "./loaded.js";
import "./menu-button.js";
import { attempt, labelOf, placeButton, replaceButtons } from "./plugin-place.js";
import { View } from "./view.js";

const TALLEST_PX = 180;
const NARROW = matchMedia("(max-width: 700px)"); // as in layout.css

class MessageComposer extends View {
  session;
  store;
  places;
  flow;
  /** @type {HTMLInputElement | null} */
  broadcast = null;
  #added;
  #chips;
  #text;
  #context;
  #error;
  #unkept;
  #width = 0; // of the text when its height was measured
  #sizes = new ResizeObserver(() => requestAnimationFrame(() => this.#text.clientWidth !== this.#width && this.#grow()));
  #suggestions = null; // once somebody types
  #suggesting = null; // that they are loaded
  #hasMenu = false; // of other ways to send
  #asks = false; // whether many are to be told is being asked
  #taken = null; // the refused message that is being taken back

  get #room() {
    return this.store.room(this.flow.room);
  }

  get #state() {
    return this.flow.state;
  }

  get #draft() {
    return this.session.drafts.of(this.flow.key);
  }

  #keep(fields) {
    return this.session.drafts.change(this.flow.key, fields);
  }

  build() {
    const label = this.flow.thread ? t("thread.write") : t("message.writeIn", { name: roomTitle(this.#room) });
    this.#suggestions = this.#suggesting = null;
    this.#context = h("div", { class: "composer-context", hidden: true, "data-testid": "composer-context" });
    this.#error = h("p", { class: "form-error", role: "alert" });
    this.#unkept = h("p", { class: "muted", role: "status", "data-testid": "files-unkept" });
    this.#text = h("textarea", {
      rows: "1",
      dir: "auto",
      placeholder: t(this.flow.thread ? "thread.reply" : "message.write"),
      "aria-label": label,
      "aria-autocomplete": "list",
      enterkeyhint: hasTouchKeyboard() ? "enter" : "send",
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
    this.listen(this.places, "change", ({ detail }) => /^composer|emoji/.test(detail.place) && this.draw());
    const chips = h("ul", { class: "composer-chips", "aria-label": t("composer.attached") });
    this.#chips = new Chips(chips, () => hasTouchKeyboard() || this.focusText());
    this.#hasMenu = false;
    const row = h("form", { class: "composer-row", onsubmit }, this.#added, this.#text, send);
    const broadcast = this.broadcast && h("label", { class: "check" }, this.broadcast, t("thread.broadcast", { name: roomTitle(this.#room) }));
    this.append(this.#context, chips, this.#unkept, this.#error, h("div", { "data-faults": true }, row), ...(broadcast ? [broadcast] : []));
    this.#showDraft();
    this.listen(this.#state.attached, "change", () => this.#onAttached());
    this.listen(this.session.drafts, "change", ({ detail }) => detail.room === this.flow.key && this.#showDraft());
    this.listen(this.#text, "blur", () => this.session.drafts.left(this.flow.key));
    this.listen(this.store, "blocked", () => this.#showDraft());
    this.listen(this.flow.source, "change", ({ detail }) => detail.room === this.flow.key && this.#forgetDeleted());
    this.listen(this.session.drafts, "refused", ({ detail }) => detail.room === this.flow.key && this.#showUnkept());
    this.listen(NARROW, "change", () => this.draw());
    this.#takeFiles();
    this.#sizes.observe(this.#text);
    const attend = () => void import("./composer-marks.js").then((marks) => marks.attend(this.#text), () => {});
    for (const type of ["keydown", "pointerdown"]) this.#text.addEventListener(type, attend, { once: true });
    if (!hasTouchKeyboard() && !this.hasAttribute("data-rests")) this.focusText();
  }

  teardown() {
    this.#sizes.disconnect();
  }

  draw() {
    this.#addMenu();
    const room = this.#room;
    const items = this.places.in("composer.buttons/v1").filter((item) => applies(item, { room, me: this.store.me }));
    const context = () => this.#contextOf({ thread: this.flow.thread ?? null, text: this.#text.value, insert: (text) => this.#insert(text) });
    const emoji = hasEmoji(this.places) ? [{ label: t("emoji"), icon: ICONS.face, testid: "emoji", run: () => void this.#chooseEmoji() }] : [];
    if (NARROW.matches && items.length + emoji.length > 1) {
      const added = items.map((item) => ({ label: labelOf(item), icon: item.icon, testid: `place-${item.key}`, run: () => void attempt(item, () => item.run(context()), this.#text) }));
      this.#fold([...added, ...emoji]);
    } else replaceButtons(this.#added, [...items.map((item) => placeButton(item, context, { class: "round" })), ...emoji.map(({ run, ...about }) => round(about, { onclick: run }))]);
  }

  /** The other ways to send, which plugins bring late. */
  #addMenu() {
    if (this.#hasMenu || this.flow.thread || this.places.in("composer.send/v1").length === 0) return;
    this.#hasMenu = true;
    const text = this.#text;
    const about = () => ({ room: this.#room, me: this.store.me });
    const put = () => text.after(h("send-menu", { places: this.places, about, context: () => this.#laterContext() }));
    import("./send-menu.js").then(put, () => (this.#hasMenu = false)); // without a network it comes with the next change
  }

  /** On phones one button leads to all that can be added: the text needs the room. */
  #fold(items) {
    if (this.#added.querySelector("menu-button")?.isOpen) return;
    const label = t("composer.add");
    const button = round({ label, icon: ICONS.plus, testid: "composer-add" });
    replaceButtons(this.#added, [h("menu-button", { "data-label": label, "data-floating": true, button, items: () => items })]);
  }

  async #chooseEmoji() {
    const emoji = await (await loaded(import("./emoji-choice.js")))?.chooseEmoji(this.places, this.session.preferences.account, this.#text);
    if (emoji) this.#insert(emoji);
  }

  /** What an item of the composer gets. */
  #contextOf(more) {
    const { attached } = this.#state;
    const attach = (namespace, value, options) => attached.add(namespace, value, options);
    return Object.freeze({ room: this.flow.room, attach, ...more });
  }

  /** What an item of `composer.send/v1` gets; null if there is no message to send. */
  #laterContext() {
    const body = this.#text.value.trim();
    const { attached } = this.#state;
    this.#error.textContent = "";
    if (this.#draft.editing || isCommand(body) || (!body && !attached.items.length)) this.#error.textContent = t("composer.nothing");
    else if (!attached.isReady) this.#error.textContent = t("composer.waiting");
    else {
      return Object.freeze({
        room: this.flow.room,
        text: asMessage(body),
        reply_to: this.#draft.reply?.id ?? null,
        data: frozen(dataOf(described(attached.items, this.places))),
        sent: () => this.#sent(),
      });
    }
    return null;
  }

  #onAttached() {
    if (this.#state) void this.#keep({ attached: this.#state.attached.kept });
    this.#drawChips();
  }

  #drawChips() {
    if (!this.#state) return;
    this.#chips.show(this.#state.attached);
    if (!this.#state.attached.isWaiting) this.#error.textContent = "";
    this.#showUnkept();
  }

  #showUnkept() {
    this.#unkept.textContent = this.session.drafts.losesFiles(this.flow.key) ? t("composer.filesUnkept") : "";
  }

  /** Files that are pasted, or dropped anywhere on the room. */
  #takeFiles() {
    const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files") && this.#takers().length > 0;
    const place = this.closest("[data-drop]");
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
    insertText(this.#text, String(text), this.#text.selectionStart, this.#text.selectionEnd);
  }

  focusText() {
    this.#text.focus();
  }

  replyTo({ id, client_id, author, body }) {
    void this.#keep({ reply: { id, client_id, author: author.id, name: author.name, body }, editing: null });
    this.#showDraft();
    this.focusText();
  }

  /** The draft stays as it is until the change is saved or given up. */
  edit({ id, body }) {
    void this.#keep({ editing: { id, before: body, text: body } });
    this.#showDraft();
    this.focusText();
  }

  /** Takes back a message that was refused, to be changed, its text `asFile` if it was too long; what is being written stays below it. */
  async rewrite(message) {
    if (this.#taken === message.client_id) return;
    this.#taken = message.client_id;
    const answered = this.#state.messages.find(({ id }) => id === message.reply_to);
    const attached = message.attached ?? [];
    for (const { namespace, value, label } of attached.filter(({ value }) => value !== null)) this.#state.attached.add(namespace, value, { label });
    const files = attached.map(({ file }) => file).filter((file) => file instanceof Blob);
    if (message.asFile) files.push(new File([message.body], "message.txt", { type: "text/plain" }));
    if (files.length) this.#giveFiles(files);
    const reply = answered ? { id: answered.id, author: answered.author.id, name: answered.author.name, body: answered.body } : null;
    const text = [message.asFile ? "" : asTyped(message.body), this.#draft.text].filter(Boolean).join("\n");
    const kept = this.#keep({ text, reply, editing: null });
    this.#showDraft();
    this.focusText();
    await kept; // only then may it leave the outbox
    this.session.outbox.discard(message.client_id);
  }

  /** Shows what is being written: the draft, or the change of a message. */
  #showDraft() {
    if (!this.#state) return;
    const { text, reply, editing, attached } = this.#draft;
    const shown = editing ? editing.text : text;
    if (this.#text.value !== shown) this.#text.value = shown;
    if (this.#state.attached.items.length === 0)
      for (const { namespace, value, label, file, alt } of attached) this.#state.attached.add(namespace, value, { label, file, alt, isLater: value === null });
    this.#closeSuggestions();
    this.toggleAttribute("data-editing", Boolean(editing));
    if (editing) this.#showContext(t("message.editing"), editing.before);
    else if (reply) this.#showContext(t("message.replyTo", { name: reply.name }), this.store.blocked.has(reply.author) ? t("message.folded") : plainOf(reply.body) || t("message.deleted"));
    else this.#hideContext();
    this.#drawChips();
    this.#grow();
  }

  /** The draft does not keep the text of a message that was deleted. */
  #forgetDeleted() {
    const { reply } = this.#draft;
    if (!reply?.body || !this.#state?.messages.some(({ id, deleted }) => deleted && id === reply.id)) return;
    void this.#keep({ reply: { ...reply, body: "" } });
    this.#showDraft();
  }

  #showContext(title, body) {
    const close = h(
      "button",
      { class: "round", type: "button", title: t("cancel"), "aria-label": t("cancel"), "data-testid": "composer-cancel", onclick: () => this.#leaveContext() },
      icon(ICONS.close),
    );
    this.#context.replaceChildren(h("div", {}, h("strong", {}, title), h("span", { dir: "auto" }, body)), close);
    this.#context.hidden = false;
  }

  #hideContext() {
    this.#context.hidden = true;
    this.#context.replaceChildren();
  }

  /** Gives up the change, or else the reference. */
  #leaveContext() {
    void this.#keep(this.#draft.editing ? { editing: null } : { reply: null });
    this.#error.textContent = "";
    this.#showDraft();
    this.focusText();
  }

  #onInput() {
    this.#grow();
    this.#error.textContent = "";
    const text = this.#text.value;
    const { editing } = this.#draft;
    void this.#keep(editing ? { editing: { ...editing, text } } : { text });
    if (this.#suggestions) this.#suggest();
    else void this.#withSuggestions().then(() => this.#suggest());
    if (text.trim() && !this.#isCommand()) this.flow.typing();
  }

  #isCommand() {
    return !this.#draft.editing && isCommand(this.#text.value.trimStart());
  }

  #suggest() {
    this.#suggestions?.typed({ calls: this.#isCommand(), isEdit: Boolean(this.#draft.editing) });
  }

  /** The suggestions, once they are loaded; null if there is no network for them. */
  #withSuggestions() {
    const { session, store, places, signal } = this;
    const field = this.#text;
    this.#suggesting ??= import("./composer-suggestions.js").then(
      ({ ComposerSuggestions }) => {
        if (signal.aborted) return null;
        return (this.#suggestions = new ComposerSuggestions({ session, store, places, room: this.flow.room, inThread: Boolean(this.flow.thread), composer: this, field, signal }));
      },
      (error) => {
        console.debug(error);
        return (this.#suggesting = null);
      },
    );
    return this.#suggesting;
  }

  #onKey(event) {
    // An input method ends its word with Enter; 229 is how Safari tells after the composition has ended.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#suggestions?.takesKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey && !hasTouchKeyboard()) {
      event.preventDefault();
      void this.#submit();
    } else if (event.key === "Escape" && !this.#context.hidden) {
      event.stopPropagation();
      this.#leaveContext();
    } else if (event.key === "ArrowUp" && !event.altKey && this.#text.value === "" && !this.#draft.editing) {
      this.#editLast(event);
    }
  }

  #editLast(event) {
    const mine = this.#state.messages.findLast((message) => message.author.id === this.store.me.id && !message.deleted && !this.places.isFixed(message));
    if (!mine) return;
    event.preventDefault();
    this.edit(mine);
  }

  async #submit() {
    const { attached } = this.#state;
    const { reply, editing } = this.#draft;
    // A message needs a text; that of files without one is their names.
    const body = this.#text.value.trim() || (editing ? "" : attached.items.map(({ label, file }) => file?.name || label).join("\n"));
    if (!body) return;
    this.#closeSuggestions();
    if (editing) {
      await this.#submitEdit(editing, body);
      return;
    }
    if (isCommand(body)) {
      await this.#run(body);
      return;
    }
    if (attached.isWaiting || this.session.outbox.isFull) {
      this.#error.textContent = t(attached.isWaiting ? "composer.waiting" : "composer.full");
      return;
    }
    if (namesMany(body) && !(await this.#mayTellMany())) return;
    const place = { broadcast: this.broadcast?.checked, aside: attached.isUploading };
    this.flow.send(asMessage(body), reply, described(attached.take(), this.places), place);
    if (this.broadcast) this.broadcast.checked = false;
    this.#onSent();
  }

  /** Whether to send a message that names everybody: the writer is asked where that tells many. */
  async #mayTellMany() {
    if (this.#asks) return false;
    this.#asks = true;
    const text = this.#text.value;
    try {
      const { mayTellMany } = await import("./wide-mention.js");
      return (await mayTellMany(this.session, this.flow.room)) && this.isConnected && this.#text.value === text;
    } catch (error) {
      console.debug(error); // offline, and not kept: it is sent later
      return true;
    } finally {
      this.#asks = false;
    }
  }

  /** A plugin has taken the message. */
  #sent() {
    this.#state.attached.take();
    void this.#keep({ text: "", reply: null, attached: [] });
    this.#onSent();
  }

  /** The message is on its way: the composer is empty again. */
  #onSent() {
    this.#showDraft();
    this.focusText();
    this.dispatchEvent(new CustomEvent("sent"));
  }

  /** Empties the composer for what comes next. A command that is refused comes back, to be changed. */
  async #run(body) {
    if (this.flow.thread) {
      this.#error.textContent = t("thread.noCommands"); // they act in the room
      return;
    }
    this.#error.textContent = "";
    this.#write("");
    this.#suggest();
    const suggestions = await this.#withSuggestions();
    const refusal = suggestions ? await suggestions.run(body) : errorText({ code: "connection.lost", message: "" });
    if (refusal) this.#write([body, this.#draft.text].filter(Boolean).join("\n"));
    else this.dispatchEvent(new CustomEvent("sent"));
    this.#error.textContent = refusal;
  }

  #write(text) {
    void this.#keep({ text });
    this.#showDraft();
  }

  #closeSuggestions() {
    this.#suggestions?.close();
  }

  async #submitEdit({ id, before }, body) {
    try {
      if (body !== before) await this.session.edit(this.flow.room, id, body);
      if (this.#draft.editing?.id === id) this.#leaveContext();
    } catch (error) {
      this.#error.textContent = errorText(error);
    }
  }

  /** As high as its lines, also once buttons beside it, a panel or a turned phone have made it wider or narrower. */
  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, TALLEST_PX)}px`;
    this.#width = this.#text.clientWidth;
  }
}

function round({ label, icon: path, testid }, more = {}) {
  return h("button", { type: "button", class: "round", title: label, "aria-label": label, "data-testid": testid, ...more }, icon(path));
}

function hasTouchKeyboard() {
  return matchMedia("(pointer: coarse)").matches;
}

customElements.define("message-composer", MessageComposer);
