/** Asks for the pictures of those people and rooms that are shown, many at once, and hears of changes. No DOM. */

const ASKED = 100; // people, or rooms, at once, as the server takes them
const KNOWN = 5_000; // of each; the first ones are forgotten

export function begin(page) {
  const redraw = () => page.redrawPictures();
  const people = new Pictures((users) => page.call("of", { users }), redraw);
  const rooms = new Pictures(async (ids) => ({ pictures: (await page.call("of", { rooms: ids })).rooms }), redraw);
  page.hear("changed", ({ missed, payload }) => {
    if (missed) [people, rooms].forEach((each) => each.forget());
    else if (payload.room) rooms.learn({ user: payload.room, picture: payload.picture });
    else people.learn(payload);
  });
  page.place("avatars/v1", { id: "pictures", picture: ({ id }) => people.of(id), roomPicture: ({ id }) => rooms.of(id) });
}

export class Pictures {
  #ask;
  #redraw;
  #known = new Map(); // by user, or room, an address or null
  #wanted = new Map(); // by user, the promise and its function, until it is asked for
  #awaited = new Set(); // of whom the next answer counts: nothing newer was told since it was asked for
  #timer = 0;

  /** `ask(users)` resolves with `{pictures}`; `redraw()` has all pictures asked for again. */
  constructor(ask, redraw) {
    this.#ask = ask;
    this.#redraw = redraw;
  }

  /** The address of a user's picture or null, if it is known; else a promise of it. */
  of(user) {
    if (this.#known.has(user)) return this.#known.get(user);
    let wanted = this.#wanted.get(user);
    if (!wanted) this.#wanted.set(user, (wanted = promised()));
    if (!this.#timer) this.#timer = setTimeout(() => void this.#askSome());
    return wanted.promise;
  }

  /** Somebody has another picture, or none. */
  learn({ user, picture }) {
    this.#awaited.delete(user);
    this.#keep(user, picture);
    this.#redraw();
  }

  /** Changes were missed. */
  forget() {
    this.#known.clear();
    this.#redraw();
  }

  async #askSome() {
    this.#timer = 0;
    const some = [...this.#wanted].slice(0, ASKED);
    for (const [user] of some) {
      this.#wanted.delete(user);
      this.#awaited.add(user);
    }
    if (this.#wanted.size) this.#timer = setTimeout(() => void this.#askSome());
    const { pictures } = await this.#ask(some.map(([user]) => user)).catch(() => ({})); // asked again when they are drawn anew
    for (const [user, { resolve }] of some) {
      const counts = this.#awaited.delete(user);
      if (pictures && counts) this.#keep(user, Object.hasOwn(pictures, user) ? pictures[user] : null);
      resolve(counts ? (pictures?.[user] ?? null) : (this.#known.get(user) ?? null));
    }
  }

  #keep(user, picture) {
    this.#known.set(user, picture);
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.keys().next().value);
  }
}

function promised() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
