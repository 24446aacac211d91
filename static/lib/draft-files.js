/**
 * Files of drafts that are not uploaded yet. Each has a record of its own, `{key, user, order, room, id, file}`, since a
 * draft is stored again with each letter. No DOM.
 */

import { clientId } from "./ids.js";

export const MOST_BYTES = 50_000_000; // of one draft; more are kept in the tab alone

export class DraftFiles {
  #records;
  #kept = new Map(); // by file, {room, id}
  #refused = new WeakSet();

  constructor(records) {
    this.#records = records;
  }

  /** The files of a user by id. */
  async open(user) {
    this.close();
    const { records } = await this.#records.all("files", user);
    for (const { room, id, file } of records) if (file instanceof Blob) this.#kept.set(file, { room, id });
    return new Map([...this.#kept].map(([file, { id }]) => [id, file]));
  }

  close() {
    this.#kept.clear();
  }

  /** Keeps these files of a room's draft, and no others of it. */
  async keep(user, room, files) {
    let bytes = files.filter((file) => this.#kept.has(file)).reduce((sum, { size }) => sum + size, 0);
    for (const file of files) {
      if (this.#kept.has(file) || this.#refused.has(file)) continue;
      if (bytes + file.size > MOST_BYTES || !(await this.#store(user, room, file))) this.#refused.add(file);
      else bytes += file.size;
    }
    const gone = [...this.#kept].filter(([file, at]) => at.room === room && !files.includes(file));
    for (const [file] of gone) this.#kept.delete(file);
    if (gone.length) await this.#records.change({ remove: gone.map(([, { id }]) => ["files", keyOf(user, id)]) });
  }

  /** Keeps the files of these ids alone; others are of drafts that are gone. */
  async keepOnly(user, ids) {
    const gone = [...this.#kept].filter(([, { id }]) => !ids.has(id));
    for (const [file] of gone) this.#kept.delete(file);
    if (gone.length) await this.#records.change({ remove: gone.map(([, { id }]) => ["files", keyOf(user, id)]) });
  }

  /** By which the file is found again; undefined if it is not kept. */
  idOf(file) {
    return this.#kept.get(file)?.id;
  }

  isRefused(file) {
    return this.#refused.has(file);
  }

  /** Resolves with whether the database has the file. */
  async #store(user, room, file) {
    const id = clientId();
    const key = keyOf(user, id);
    const { kept } = await this.#records.append("files", { key, user, room, id, file });
    if (kept === "browser") this.#kept.set(file, { room, id });
    else await this.#records.change({ remove: [["files", key]] }); // the tab keeps no files either
    return kept === "browser";
  }
}

function keyOf(user, id) {
  return `${user} ${id}`;
}
