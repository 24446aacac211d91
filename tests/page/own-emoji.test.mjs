import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import begin from "../../plugins/emoji/page/emoji.js";
import { Places } from "../../static/lib/places.js";

const party = { name: "party", url: "/1" };
const fire = { name: "fire", url: "/2" };

let places, role, answers, hear;
beforeEach(() => {
  places = new Places();
  role = "member";
  answers = [];
});

/** The plugin's part of the page; `answer(n)` answers the list's n-th request. */
function begun() {
  begin({
    place: (place, item) => places.put("emoji", place, item),
    call: () => new Promise((resolve, reject) => answers.push({ resolve, reject })),
    hear: (_name, listener) => {
      hear = async (told) => listener({ missed: false, payload: null, ...told });
      hear({ missed: true }).catch(() => {}); // as the page does where there is a connection
    },
    me: () => ({ role }),
    said: ({ en }) => en,
  });
}

const answer = async (emoji, mayAdd = false, at = answers.length - 1) => {
  answers[at].resolve({ emoji, may_add: mayAdd });
  await new Promise(setImmediate);
};
const shown = () => places.in("message.emoji/v1").map(({ pictures }) => pictures);

test("pictures are there once the list is, and as long as there are some", async () => {
  begun();
  assert.deepEqual(shown(), []);
  await answer([]);
  assert.deepEqual(shown(), []);
  await hear({ payload: party });
  assert.deepEqual(shown(), [{ party: "/1" }]);
  await hear({ payload: fire });
  assert.deepEqual(shown(), [{ party: "/1", fire: "/2" }]);
  await hear({ payload: { name: "party", url: null } });
  await hear({ payload: { name: "fire", url: null } });
  assert.deepEqual(shown(), []);
});

test("a change that is told while the list is on its way is newer than the list", async () => {
  begun();
  await hear({ payload: fire });
  await hear({ payload: { name: "party", url: null } });
  await answer([party]);
  assert.deepEqual(shown(), [{ party: null, fire: "/2" }]);
});

test("after a lost connection the list is read again, and counts", async () => {
  begun();
  answers[0].reject(new Error("lost"));
  await new Promise(setImmediate);
  const again = hear({ missed: true });
  await answer([party]);
  await again;
  assert.deepEqual(shown(), [{ party: "/1" }]);
  void hear({ missed: true });
  await answer([fire]);
  assert.deepEqual(shown(), [{ fire: "/2" }]);
});

for (const [who, mayAdd, wanted] of [["member", true, 1], ["member", false, 0], ["admin", true, 0], ["owner", true, 0]])
  test(`a page of one's own for a ${who} who may ${mayAdd ? "" : "not "}add some: ${wanted}`, async () => {
    role = who;
    begun();
    await answer([], mayAdd);
    const [page] = places.in("settings.page/v1");
    await hear({ payload: party });
    void hear({ missed: true });
    await answer([], mayAdd);
    assert.equal(places.in("settings.page/v1").length, wanted);
    assert.equal(places.in("settings.page/v1")[0], page); // it may be open
    assert.equal(places.in("admin.page/v1").length, 1);
  });
