/** Loads the modules of plugins, and gives each the interface by which it works in the page. */

import { currentLanguage, errorText, locale, said } from "./i18n.js";
import { plainOf, readyFor } from "./late-formatting.js";
import { isStaff } from "./rights.js";

const VERSION = 1;
const MISSED = { missed: true, payload: null };
const LATER_MS = 3_000; // after the first parts: late ones do not share the network with what is read first
const AGAIN_MS = 60_000; // for a late module that did not come, as without a network
const TRIES = 10;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Plugins {
  #places;
  #api;
  #connection;
  #session;
  #store;
  #styles;
  #notices;
  #loaded = new Map(); // parts by plugin
  #isForStaff = false;
  #hearing = new Set(); // of notices: `{plugin, name, tell, signal}`
  #pause;
  #calm = null; // when late modules are loaded

  /** `styles` is where style sheets are added: the document's head. `wait(ms)` resolves after so many ms. */
  constructor({ places, api, connection, session, store, styles, notices, wait = pause }) {
    this.#places = places;
    this.#api = api;
    this.#connection = connection;
    this.#session = session;
    this.#store = store;
    this.#styles = styles;
    this.#notices = notices;
    this.#pause = wait;
    session?.addEventListener("heard", ({ detail }) => this.#tellHearing(detail.notice));
    session?.addEventListener("ready", () => this.#tellHearing());
  }

  /**
   * Loads the parts that are new, and takes away what parts that are gone have put anywhere. Each goes by itself: one
   * that fails leaves the others and the page as they are.
   */
  async load(parts, importing = fromThisServer) {
    const wanted = new Map(parts.map((part) => [part.plugin, filesOf(part)]));
    this.#places.arrange([...wanted.keys()]);
    for (const [plugin, part] of this.#loaded)
      if (part.files !== wanted.get(plugin)) this.#unload(plugin, part);
    await Promise.all(parts.filter(({ plugin }) => !this.#loaded.has(plugin)).map((part) => this.#loadOne(part, importing)));
  }

  /** Who reads: the modules for staff are loaded for owners and admins of the server alone. */
  async meet({ role }) {
    this.#isForStaff = isStaff(role);
    await Promise.all([...this.#loaded].map(([plugin, part]) => this.#beginStaff(plugin, part)));
  }

  #unload(plugin, part) {
    this.#loaded.delete(plugin);
    for (const link of part.links) link.remove();
    this.#clear(plugin, part);
  }

  /** Takes away what a part has put anywhere, and what it follows. */
  #clear(plugin, part) {
    this.#places.clear(plugin);
    for (const end of part.followed) end.abort();
  }

  async #loadOne(listed, importing) {
    const { plugin, modules, styles, late_modules: late = [], staff_modules: staff = [] } = listed;
    const links = styles.map((url) => Object.assign(document.createElement("link"), { rel: "stylesheet", href: url }));
    this.#styles.append(...links);
    const part = { files: filesOf(listed), staff, importing, links, followed: new Set(), isForStaff: false };
    this.#loaded.set(plugin, part);
    await this.#begin(plugin, part, modules);
    await this.#beginStaff(plugin, part);
    if (late.length > 0) void this.#beginLate(plugin, part, late);
  }

  async #beginLate(plugin, part, modules) {
    if (!globalThis.location?.hash.startsWith("#settings")) await (this.#calm ??= this.#pause(LATER_MS)); // which show them all
    for (let tries = 1; tries < TRIES && !this.#isGone(plugin, part); tries++) {
      const found = await Promise.allSettled(modules.map((url) => part.importing(url)));
      if (found.every(({ status }) => status === "fulfilled")) break;
      await this.#pause(AGAIN_MS);
    }
    if (!this.#isGone(plugin, part)) await this.#begin(plugin, part, modules);
  }

  async #beginStaff(plugin, part) {
    if (!this.#isForStaff || part.isForStaff || this.#isGone(plugin, part)) return;
    part.isForStaff = true;
    await this.#begin(plugin, part, part.staff);
  }

  async #begin(plugin, part, modules) {
    try {
      for (const url of modules) {
        const { default: begin } = await part.importing(url);
        if (this.#loaded.get(plugin) !== part) return; // it went while it was loading
        if (typeof begin !== "function") throw new TypeError(`${url} has no function as its default export`);
        await begin(this.interfaceOf(plugin, part));
      }
    } catch (error) {
      this.#clear(plugin, part);
      complain(plugin, error);
    }
  }

  /** @param {object | null} part */
  #isGone(plugin, part) {
    return part !== null && this.#loaded.get(plugin) !== part;
  }

  /**
   * Listens to the session for the plugin, until the part goes or the function that is returned is called. `begin(tell,
   * end)` adds the listeners, with the options `end`.
   */
  #listen(plugin, part, listener, begin) {
    if (typeof listener !== "function") throw new TypeError("the listener has to be a function");
    if (this.#isGone(plugin, part)) return () => {};
    const end = new AbortController();
    part?.followed.add(end);
    const tell = async (told) => {
      try {
        await listener(frozen(told));
      } catch (error) {
        complain(plugin, error);
      }
    };
    begin(tell, end);
    return () => end.abort();
  }

  #follow(plugin, name, tell, end) {
    const noted = ({ detail: { event } }) => {
      const { type, room, seq, at, author, payload = null } = event;
      if (type === `${plugin}.${name}`) void tell({ room, missed: false, seq, at, author, payload });
    };
    this.#session.addEventListener("noted", noted, end);
    this.#session.addEventListener("missed", ({ detail: { room } }) => void tell({ room, missed: true }), end);
  }

  #onDraft(tell, end) {
    const { drafts } = this.#session;
    for (const type of ["written", "left"])
      drafts.addEventListener(type, ({ detail: { room: key } }) => void tell({ ...outlineOfDraft(key, drafts.of(key)), left: type === "left" }), end);
  }

  #hear(plugin, name, tell, { signal }) {
    this.#hearing.add({ plugin, name, tell, signal });
    if (this.#session.isReady) void tell(MISSED);
  }

  /**
   * Tells those who hear the notice, or, without one, all that some may have been missed.
   * @param {{plugin: string, name: string, payload: any} | null} notice
   */
  #tellHearing(notice = null) {
    for (const one of this.#hearing) {
      if (one.signal.aborted) this.#hearing.delete(one);
      else if (!notice) void one.tell(MISSED);
      else if (one.plugin === notice.plugin && one.name === notice.name) void one.tell({ missed: false, payload: notice.payload });
    }
  }

  /**
   * What a plugin's module gets. Everything in it may be relied on; nothing else of the page may. The table in
   * docs/plugins/page.md is made of the comments.
   *
   * @param {string} plugin
   * @param {any} part
   */
  interfaceOf(plugin, part = null) {
    const texts = {};
    const store = this.#store;
    return Object.freeze({
      /** The plugin's name. */
      plugin,
      /** The version of this interface, 1. */
      version: VERSION,
      /** Puts an item into a place; returns a function that takes it away. */
      place: (place, item) => (this.#isGone(plugin, part) ? () => {} : this.#places.put(plugin, place, item)),
      /** Asks again for labels that may say how things stand: of pages in the settings, and of actions of messages and threads. */
      relabel: () => {
        for (const place of ["settings.page/v1", "admin.page/v1", "message.actions/v1", "thread.actions/v1"]) this.#places.relabel(place);
      },
      /** Asks the plugin's items in `message.parts/v1` again which messages they want. */
      redrawMessages: () => this.#places.relabel("message.parts/v1"),
      /** Asks the plugin's items for the pictures of all people again. */
      redrawPictures: () => this.#places.relabel("avatars/v1"),
      /** Calls the plugin's own operation `PLUGIN.name` ([operations](requests.md#operations)). */
      call: (name, fields = {}) => this.#connection.request(`${plugin}.${name}`, fields),
      /** Calls an address of this server as the signed-in user, with JSON. */
      request: (method, path, body) => this.#api.call(method, path, body),
      /** Calls `listener` with each event `PLUGIN.name` ([live](#live)); returns a function that ends that. */
      follow: (name, listener) => this.#listen(plugin, part, listener, (tell, end) => this.#follow(plugin, name, tell, end)),
      /** Calls `listener` with each [notice](#notices) `name`, and when some may have been missed; returns a function that ends that. */
      hear: (name, listener) => this.#listen(plugin, part, listener, (tell, end) => this.#hear(plugin, name, tell, end)),
      /** Calls `listener` with `{room}` when the reader has read further there, here or on another device; returns a function that ends that. */
      onRead: (listener) => this.#listen(plugin, part, listener, (tell, end) => store.addEventListener("change", ({ detail: { room, only } }) => only === "read" && void tell({ room }), end)),
      /** Calls `listener` with `{room, thread, seq}` when the newest reply of a thread, with this `seq`, is in sight; returns a function that ends that. */
      onThreadRead: (listener) => this.#listen(plugin, part, listener, (tell, end) => this.#session.threads.addEventListener("read", ({ detail }) => void tell(detail), end)),
      /** What the reader is writing in `{room, thread}`, as `{room, thread, text, reply_to}`. */
      draft: ({ room, thread = null }) => frozen(outlineOfDraft(thread ?? room, this.#session.drafts.of(thread ?? room))),
      /** Resolves with these of all rooms and threads, once the browser has read them; with an empty `text` where one was sent or removed since the page was loaded. */
      drafts: async () => (await this.#session.drafts.rooms()).map((key) => frozen(outlineOfDraft(key, this.#session.drafts.of(key)))),
      /** Calls `listener` with one of these when the reader has changed it in this tab, with an empty `text` when it was sent, and with `left: true` when they leave the composer; returns a function that ends that. */
      onDraft: (listener) => this.#listen(plugin, part, listener, (tell, end) => this.#onDraft(tell, end)),
      /** Puts `{room, thread, text, reply}` in place of what is written there, without telling `onDraft`; `reply` is a message or null, and stays as it is if it is left out. */
      putDraft: (draft) => (this.#isGone(plugin, part) ? undefined : this.#session.drafts.put(...draftOf(draft))),
      /** Calls `listener` when the reader has signed out, so that nothing that they wrote stays in the browser; returns a function that ends that. */
      onSignedOut: (listener) => this.#listen(plugin, part, listener, (tell, end) => this.#session.addEventListener("signed-out", ({ detail }) => detail.reason === "asked" && void tell({}), end)),
      /** Shows a room of the reader, and in it the message with this `seq`, which may be left out. */
      show: (room, seq = null) => {
        if (!store.room(room)) return;
        location.hash = `#${new URLSearchParams({ room })}`;
        if (seq !== null) store.want(room, seq);
      },
      /** Shows a notification, `{title, body, room, seq}`; resolves when its filters have been asked. */
      notify: async (notice) => (this.#isGone(plugin, part) ? undefined : this.#notices.notify(plugin, notice)),
      /** Shows for a few seconds that what the reader wanted was done: a text of at most 200 characters. */
      tellDone: (text) => {
        if (!this.#isGone(plugin, part)) this.#notices.tellDone(plugin, text);
      },
      /** Adds the plugin's own texts by language, `{en: {title: "Poll"}, ja: {…}}`; English may not be missing. */
      texts: (given) => {
        for (const [language, some] of Object.entries(given)) texts[language] = { ...texts[language], ...some };
      },
      /** One of the plugin's own texts in the reader's language; `{name}` in it is replaced by `values.name`. */
      t: (key, values = {}) => filled(texts[currentLanguage()]?.[key] ?? texts.en?.[key] ?? key, values),
      /** A [text by language](../protocol.md#texts-by-language) of the server, in the reader's language. */
      said: (text) => said(text),
      /** The reader's language, such as `en`. */
      language: () => currentLanguage(),
      /** The same with the reader's region, such as `en-GB`: for times, dates and numbers. */
      locale: () => locale(),
      /** Why `call` or `request` was refused, in the reader's language. */
      errorText: (error) => errorText(error),
      /** Resolves with a message's text without its marks, and with `▒▒▒` in place of spoilers: for a line that tells of it. */
      plain: async (text) => {
        await readyFor(text);
        return plainOf(text);
      },
      /** Resolves with `{program, system}` of a `User-Agent`, as people know them; either may be "". */
      describeAgent: async (agent) => (await import("./user-agent.js")).describeAgent(agent),
      /** Resolves with people whom a plugin finds by a text (`people.find/v1`), `[{id, username, name}, …]`; with nobody if none does. */
      findPeople: async (text) => {
        const [item] = this.#places.in("people.find/v1");
        return item ? frozen((await item.find({ text, after: "" })).people) : [];
      },
      /** The signed-in user. */
      me: () => frozen(store.me),
      /** `id`, `name`, `kind`, `topic`, `role` and `joined` of a room; null if the reader has none of this id. */
      room: (id) => frozen(outline(store.room(id))),
    });
  }
}

/** By which two lists of parts are compared. */
function filesOf({ modules, styles, late_modules: late = [], staff_modules: staff = [] }) {
  return JSON.stringify([modules, styles, late, staff]);
}

/** The page's own files may come from elsewhere (`server.static_url`), those of plugins do not. */
function fromThisServer(url) {
  return import(new URL(url, location.href).href);
}

/** One line in the console that names the plugin. */
export function complain(plugin, error) {
  console.error(`plugin ${plugin}:`, error);
}

/** A copy of plain data that nobody can change. */
export function frozen(data) {
  if (data === undefined || data === null) return null;
  return freeze(structuredClone(data));
}

function freeze(value) {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}

function outline(room) {
  if (!room) return null;
  const { id, name, kind, topic, role, joined } = room;
  return { id, name, kind, topic, role, joined };
}

/** A draft as plugins see it. The key of a thread is the id of its first message, which begins with that of the room. */
function outlineOfDraft(key, { text, reply }) {
  const [room, seq] = key.split("-");
  return { room, thread: seq ? key : null, text, reply_to: reply?.id ?? null };
}

/** The key of a draft, and what a plugin puts into it. */
function draftOf({ room, thread = null, text, reply }) {
  const answered = reply && { id: reply.id, author: reply.author.id, name: reply.author.name, body: reply.body };
  return [thread ?? room, { text: String(text), ...(reply === undefined ? {} : { reply: answered }) }];
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => (Object.hasOwn(values, name) ? values[name] : ""));
}
