/**
 * Rooms, members and messages of the servers in this folder, in SQLite.
 *
 * WAL with synchronous=NORMAL, as such servers run: a crash of the process loses nothing, but one of the machine
 * loses the last commits. All messages of one turn of the loop share a transaction.
 */

import Database from "better-sqlite3";

const TABLES = `
  CREATE TABLE rooms (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE members (user TEXT, room TEXT, read INTEGER NOT NULL, PRIMARY KEY (user, room)) WITHOUT ROWID;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, at TEXT NOT NULL, client_id TEXT NOT NULL, body TEXT NOT NULL
  );
  CREATE INDEX newest ON messages (room, id);
`;

export class Store {
  constructor(path) {
    const db = new Database(path);
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = NORMAL");
    db.exec(TABLES);
    const room = db.prepare("INSERT OR REPLACE INTO rooms VALUES (?, ?)");
    const member = db.prepare("INSERT OR IGNORE INTO members VALUES (?, ?, 0)");
    const message = db.prepare("INSERT INTO messages (room, at, client_id, body) VALUES (?, ?, ?, ?)");
    this.addRoom = db.transaction((id, name, members) => {
      room.run(id, name);
      for (const user of members) member.run(user, id);
    });
    this._write = db.transaction((posts) => {
      for (const { message: made } of posts) {
        made.id = Number(message.run(made.room, made.at, made.client_id, made.body).lastInsertRowid);
      }
    });
    this._newest = db.prepare("SELECT * FROM messages WHERE room = ? ORDER BY id DESC LIMIT ?");
    this._rooms = db.prepare(`
      SELECT rooms.id, rooms.name, members.read,
        (SELECT ifnull(max(id), 0) FROM messages WHERE room = rooms.id) AS head,
        (SELECT count(*) FROM messages WHERE room = rooms.id AND id > members.read) AS unread
      FROM members JOIN rooms ON rooms.id = members.room
      WHERE members.user = ? ORDER BY rooms.id LIMIT ?`);
    this._waiting = [];
  }

  /** Store a message; then `done` is called with it. */
  post(room, clientId, body, done) {
    const message = { id: 0, room, at: new Date().toISOString(), client_id: clientId, body };
    this._waiting.push({ message, done });
    if (this._waiting.length === 1) setImmediate(() => this._flush());
  }

  newest(room, limit) {
    return this._newest.all(room, limit).reverse();
  }

  rooms(user, limit) {
    return this._rooms.all(user, limit);
  }

  _flush() {
    const posts = this._waiting;
    this._waiting = [];
    this._write(posts);
    for (const { message, done } of posts) done(message);
  }
}
