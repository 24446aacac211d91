import assert from "node:assert/strict";
import { test } from "node:test";
import { knownPeople, usernameIn, writableRooms } from "../../static/lib/recipients.js";

const ME = { id: "me", role: "member" };
const room = (id, more = {}) => ({ id, name: id, kind: "public", role: "member", joined: true, archived: false, posting: "everyone", other: null, messages: [], ...more });
const storeOf = (...rooms) => ({ me: ME, rooms: new Map(rooms.map((each) => [each.id, each])), blocked: new Set(["rex"]) });
const names = (text, store) => writableRooms(text, store, (a, b) => a.localeCompare(b)).map(({ title }) => title);
const by = (id, more = {}) => ({ author: { id, name: id, ...more } });

test("rooms are those in which one may write, in order", () => {
  const store = storeOf(
    room("garden"),
    room("attic"),
    room("shut", { archived: true }),
    room("notices", { posting: "moderators" }),
    room("led", { posting: "moderators", role: "admin" }),
    room("outside", { joined: false, role: null }),
    room("left a moment ago", { joined: false }),
    room("Ben", { kind: "direct", other: "ben" }),
    room("Rex", { kind: "direct", other: "rex" }),
  );
  assert.deepEqual(names("", store), ["attic", "Ben", "garden", "led"]);
  assert.deepEqual(names("GAR", store), ["garden"]);
  assert.deepEqual(names("\uff21ttic", store), ["attic"]); // by a keyboard for Japanese
});

test("people are those who wrote what is here, without oneself, bots and those with a direct room", () => {
  const store = storeOf(room("r", { messages: [by("me"), by("anna"), by("anna"), by("hal", { bot: true }), by("ben")] }), room("d", { kind: "direct", other: "ben" }));
  assert.deepEqual(knownPeople("", store).map(({ id }) => id), ["anna"]);
  assert.deepEqual(knownPeople("@ANN", store).map(({ id }) => id), ["anna"]);
  assert.deepEqual(knownPeople("x", store), []);
});

test("those who were found elsewhere come after those who wrote, once, whatever the text", () => {
  const store = storeOf(room("r", { messages: [by("anna")] }), room("d", { kind: "direct", other: "ben" }));
  const found = ["anna", "zoe", "ben", "me"].map((id) => ({ id, name: id, username: id })).concat({ id: "hal", name: "hal", bot: true });
  assert.deepEqual(knownPeople("ann", store, found).map(({ id }) => id), ["anna", "zoe"]);
  assert.deepEqual(knownPeople("x", store, found).map(({ id }) => id), ["anna", "zoe"]);
});

test("no more than five people are listed", () => {
  const store = storeOf(room("r", { messages: ["a1", "a2", "a3", "a4", "a5", "a6"].map((id) => by(id)) }));
  assert.equal(knownPeople("a", store).length, 5);
});

test("a user name may have an @ before it, and no blank in it", () => {
  assert.equal(usernameIn("@ben"), "ben");
  assert.equal(usernameIn("大久保"), "大久保");
  assert.equal(usernameIn("two words"), undefined);
});

test("accents need not be typed, those of kana do", () => {
  const store = storeOf(room("Café"), room("がっこう"), room("r", { messages: [by("zoë")] }));
  assert.deepEqual(names("cafe", store), ["Café"]);
  assert.deepEqual(names("CAFÉ", store), ["Café"]);
  assert.deepEqual(names("か", store), []);
  assert.deepEqual(names("が", store), ["がっこう"]);
  assert.deepEqual(knownPeople("zoe", store).map(({ id }) => id), ["zoë"]);
});
