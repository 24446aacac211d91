import assert from "node:assert/strict";
import { test } from "node:test";
import { asMessage, asTyped, calledName, isCommand, suggestedNames } from "../../static/lib/commands.js";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { Session } from "../../static/lib/session.js";
import { RequestError } from "../../static/lib/socket.js";
import { Timeline } from "../../static/lib/timeline.js";

const ME = { id: "me", username: "aya" };

test("a text with a slash is a command, with two a message with one", () => {
  assert.deepEqual(["/topic", "//topic", "topic", " /topic", ""].map(isCommand), [true, false, false, false, false]);
  assert.deepEqual(["//etc", "///", "topic"].map(asMessage), ["/etc", "//", "topic"]);
  for (const message of ["/etc", "//", "hello"]) assert.equal(asMessage(asTyped(message)), message);
  assert.deepEqual(["/topic", "/Topic ", "/topic\ntea", "//a b"].map(calledName), [null, "topic", "topic", "/a"]);
});

test("names are suggested by their beginning", () => {
  const commands = ["shrug", "topic"].map((name) => ({ name, usage: `/${name} [text…]`, about: name }));
  assert.deepEqual(suggestedNames(commands, "/T"), [{ text: "/topic ", label: "/topic [text…]", about: "topic" }]);
  assert.equal(suggestedNames(commands, "/").length, 2);
  assert.deepEqual(suggestedNames(commands, "/x"), []);
});

test("a note stands where it was said, and parts the messages around it", () => {
  const message = (seq) => ({ seq, author: ME, at: "2026-01-01T12:00:00Z", client_id: `c${seq}`, body: "" });
  const note = (id, after, at) => ({ id, after, at, command: "/help", text: "…" });
  const outgoing = (at) => ({ client_id: `out-${at}`, at, body: "", state: "pending" });
  const notes = [note(1, 1, "2026-01-01T12:00:30Z"), note(2, 2, "2026-01-01T12:02:00Z"), note(3, 2, "2026-01-01T12:09:00Z")];
  const room = { messages: [message(1), message(2)], newFrom: null, moreBefore: false, moreAfter: false, refused: new Map(), notes };
  const items = new Timeline().entries(room, [outgoing("2026-01-01T12:01:00Z"), outgoing("2026-01-01T12:03:00Z")], ME);
  assert.deepEqual(
    items.map(({ kind, note: { id } = {}, grouped }) => `${kind}${id ?? ""}${grouped ? "+" : ""}`),
    ["day", "message", "note1", "message", "message+", "note2", "message", "note3"],
  );
});

test("the store keeps the last notes of a room, and drops one", () => {
  const store = new RoomsStore();
  store.reset(ME);
  store.applySnapshot([{ id: "r", head: 7 }]);
  for (let number = 1; number <= 25; number += 1) store.addNote("r", { command: "/help", text: String(number) });
  store.addNote("nowhere", { command: "/help", text: "lost" });
  const { notes } = store.room("r");
  assert.deepEqual([notes.length, notes[0].text, notes[0].after], [20, "6", 7]);
  store.dropNote("r", notes[0].id);
  assert.equal(store.room("r").notes[0].text, "7");
});

function session(answers) {
  const asked = [];
  const connection = Object.assign(new EventTarget(), {
    start: () => {},
    request: async (op, fields) => {
      asked.push({ op, ...fields });
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const store = new RoomsStore();
  const made = new Session({ api: {}, connection, store });
  made.start(ME);
  store.applySnapshot([{ id: "r", head: 7 }]);
  return { session: made, store, asked };
}

test("a command that lost its connection is the same call again, and any other a new one", async () => {
  const lost = new RequestError({ code: "connection.lost", message: "Lost." });
  const refused = new RequestError({ code: "command.invalid", message: "No." });
  const made = session([lost, { text: "note" }, {}, lost, {}, refused, {}]);
  const said = [];
  made.session.addEventListener("note", ({ detail }) => said.push(detail));
  const run = (text) => made.session.runCommand("r", text);
  await assert.rejects(run("/help"), { code: "connection.lost" });
  await run("/help");
  await run("/help");
  await assert.rejects(run("/help"));
  await run("/topic tea");
  await assert.rejects(run("/invite"), { code: "command.invalid" });
  await run("/invite");
  const ids = made.asked.map(({ client_id }) => client_id);
  assert.equal(ids[0], ids[1]);
  assert.equal(new Set(ids).size, 6);
  assert.deepEqual(said, [{ room: "r", text: "note" }]);
  assert.deepEqual(made.store.room("r").notes.map(({ command, text }) => [command, text]), [["/help", "note"]]);
});
