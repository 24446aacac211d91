/**
 * What a list of messages shows and a composer writes to: those of a room, as here, or of a thread in it (lib/thread.js),
 * which has the same fields and methods. No DOM.
 */

import { isInRoom } from "./window.js";

export class RoomFlow {
  room; // its id
  thread = null; // the id of the root
  #session;
  #store;

  constructor({ session, store, room }) {
    this.#session = session;
    this.#store = store;
    this.room = room;
  }

  /** By which its draft is kept, and changes of it are told. */
  get key() {
    return this.room;
  }

  /** Fires "change" ({room: the key, only}) as the store does. */
  get source() {
    return this.#store;
  }

  /** What is here of it, as a room of the store has it; undefined if it is gone. */
  get state() {
    return this.#store.room(this.room);
  }

  /** The reader's messages on their way, in order. */
  get outgoing() {
    return this.#session.outbox.in(this.room).filter(isInRoom);
  }

  /** What is told of the thread beneath a message. */
  summaryOf = (id) => this.#session.threads.of(this.room, id);

  send(body, reply, attached, place) {
    this.#session.send(this.room, body, reply, attached, place);
  }

  typing() {
    this.#session.typing(this.room);
  }

  // -- reading; pages as in lib/history.js

  loadAround(seq) {
    return this.#session.loadAround(this.room, seq);
  }

  loadNewest() {
    return this.#session.loadNewest(this.room);
  }

  loadOlder() {
    return this.#session.loadOlder(this.room);
  }

  loadNewer() {
    return this.#session.loadNewer(this.room);
  }

  markRead() {
    this.#session.markRead(this.room);
  }

  placeNewLine() {
    this.#store.placeNewLine(this.room);
  }

  want(seq) {
    this.#store.want(this.room, seq);
  }

  /** Somebody reads at this seq; null at the end. */
  hold(seq) {
    this.#store.hold(this.room, seq);
  }

  enter() {
    this.#store.enter(this.room);
  }

  leave(place) {
    this.#store.leave(this.room, place);
  }
}
