import assert from "node:assert/strict";
import { test } from "node:test";
import begin from "../../plugins/translation/page/translation.js";
import { Shown } from "../../plugins/translation/page/shown.js";
import { Places } from "../../static/lib/places.js";

const MESSAGE = { id: "r-1", body: "Guten Tag" };

/** The plugin in a page that speaks German; `answer` is what the server says. */
function begun(answer = async () => ({ text: "Good day" })) {
  const places = new Places();
  const asked = [];
  const drawn = [];
  begin({
    place: (place, item) => places.put("translation", place, item),
    texts: () => {},
    t: (key) => key,
    language: () => "de",
    request: async (...given) => {
      asked.push(given);
      return answer();
    },
    redrawMessages: () => drawn.push("messages"),
    relabel: () => drawn.push("labels"),
  });
  const [action] = places.in("message.actions/v1");
  const [part] = places.in("message.parts/v1");
  return { asked, drawn, action, wants: (message) => part.wants({ message }) };
}

test("the server is asked for the reader's language, over HTTP, and the message drawn again", async () => {
  const { action, asked, drawn, wants } = begun();
  assert.equal(wants(MESSAGE), false);
  await action.run({ message: MESSAGE });
  assert.deepEqual(asked, [["POST", "/api/v1/translations", { message: "r-1", language: "de" }]]);
  assert.deepEqual(drawn, ["messages", "labels", "messages", "labels"]); // that it is under way, and what came
  assert.equal(wants(MESSAGE), true);
  assert.equal(wants({ ...MESSAGE, body: "Gute Nacht" }), false);
  assert.equal(action.label({ message: MESSAGE }), "original");
});

test("the action takes away what it has shown, without asking again", async () => {
  const { action, asked, wants } = begun();
  await action.run({ message: MESSAGE });
  await action.run({ message: MESSAGE });
  assert.equal(asked.length, 1);
  assert.equal(wants(MESSAGE), false);
  assert.equal(action.label({ message: MESSAGE }), "translate");
});

test("what is under way can be hidden, and stays so when it comes", async () => {
  let arrive;
  const { action, wants } = begun(() => new Promise((resolve) => (arrive = resolve)));
  const asking = action.run({ message: MESSAGE });
  assert.equal(wants(MESSAGE), true);
  await action.run({ message: MESSAGE });
  assert.equal(wants(MESSAGE), false);
  arrive({ text: "Good day" });
  await asking;
  assert.equal(wants(MESSAGE), false);
});

test("why there is none stands below the message, and one can ask again", async () => {
  let isAway = true;
  const { action, wants, asked } = begun(async () => {
    if (isAway) throw new Error("away");
    return { text: "Good day" };
  });
  await action.run({ message: MESSAGE });
  assert.equal(wants(MESSAGE), true);
  assert.equal(action.label({ message: MESSAGE }), "translate");
  isAway = false;
  await action.run({ message: MESSAGE });
  assert.equal(asked.length, 2);
  assert.equal(action.label({ message: MESSAGE }), "original");
});

test("of many translations those asked for last are kept", () => {
  const shown = new Shown();
  for (let number = 0; number <= 200; number++) shown.put({ id: `r-${number}`, body: "" }, { number });
  assert.equal(shown.of({ id: "r-0", body: "" }), null);
  assert.deepEqual(shown.of({ id: "r-1", body: "" }), { number: 1 });
  shown.put({ id: "r-1", body: "" }, { number: -1 });
  shown.put({ id: "new", body: "" }, {});
  assert.deepEqual(shown.of({ id: "r-1", body: "" }), { number: -1 });
  assert.equal(shown.of({ id: "r-2", body: "" }), null);
});
