/** Who in a room has a user name that stands in a message. The server is asked, but never for very many: any text may hold hundreds. No DOM. */

const A_MINUTE = 60; // names that are asked for
const MINUTE_MS = 60_000;
const KNOWN = 2_000; // names; the first ones are forgotten

export class NamedMembers {
  #ask;
  #now;
  #known = new Map(); // by room and user name: `{person, answered}`; the person is null for nobody
  #asked = []; // when

  /** `ask(room, text)` resolves with `{items}`, members whose names have the text. */
  constructor(ask, now = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /**
   * `person` is null if nobody there has the user name, and undefined as long as that is not known: then `answered` resolves
   * when it is, and is not there if too many were asked for.
   * @returns {{person?: any, answered?: Promise<unknown>}}
   */
  of(room, username) {
    const key = `${room} ${username}`;
    const known = this.#known.get(key);
    if (known) return known;
    if (!this.#mayAsk()) return {};
    const member = {};
    const take = ({ items }) => (member.person = items.find((each) => each.username === username) ?? null);
    member.answered = this.#ask(room, username).then(take, () => this.#known.delete(key)); // the next row asks again
    this.#known.set(key, member);
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.keys().next().value);
    return member;
  }

  #mayAsk() {
    const now = this.#now();
    this.#asked = this.#asked.filter((at) => at > now - MINUTE_MS);
    return this.#asked.length < A_MINUTE && this.#asked.push(now) > 0;
  }
}
