import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { begin, Pictures } from "../../plugins/pictures/page/asking.js";
import { Crop } from "../../plugins/pictures/page/crop.js";

let asked, drawn, refuses, pictures;
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  asked = [];
  drawn = 0;
  refuses = false;
  const ask = async (users) => {
    asked.push(users);
    if (refuses) throw new Error("lost");
    return { pictures: { bob: "/bob/1" } };
  };
  pictures = new Pictures(ask, () => (drawn += 1));
});

async function settle() {
  mock.timers.tick(1);
  for (let turn = 0; turn < 10; turn++) await null;
}

test("those who are shown are asked for together, once, and are known from then on", async () => {
  const all = Promise.all(["ada", "bob", "ada"].map((user) => pictures.of(user)));
  await settle();
  assert.deepEqual(await all, [null, "/bob/1", null]);
  assert.deepEqual(asked, [["ada", "bob"]]);
  assert.deepEqual([pictures.of("ada"), pictures.of("bob"), drawn], [null, "/bob/1", 0]);
});

test("what is told while an answer is awaited is newer than the answer", async () => {
  const both = Promise.all([pictures.of("ada"), pictures.of("bob")]);
  mock.timers.tick(1); // asked
  pictures.learn({ user: "ada", picture: "/ada/1" });
  pictures.learn({ user: "bob", picture: null });
  await settle();
  assert.deepEqual(await both, ["/ada/1", null]);
  assert.deepEqual([pictures.of("ada"), pictures.of("bob")], ["/ada/1", null]);
});

test("many are asked for in parts", async () => {
  for (let user = 0; user < 250; user++) void pictures.of(`u${user}`);
  for (let part = 0; part < 4; part++) await settle();
  assert.deepEqual(asked.map((users) => users.length), [100, 100, 50]);
});

test("a question that failed is asked again when the picture is drawn anew", async () => {
  refuses = true;
  const first = pictures.of("bob");
  await settle();
  assert.equal(await first, null);
  refuses = false;
  const second = pictures.of("bob");
  await settle();
  assert.deepEqual([await second, asked.length], ["/bob/1", 2]);
});

test("a change is shown at once, and after a gap all are asked for again", async () => {
  pictures.learn({ user: "ada", picture: "/ada/2" });
  assert.deepEqual([pictures.of("ada"), drawn, asked], ["/ada/2", 1, []]);
  pictures.learn({ user: "ada", picture: null });
  assert.deepEqual([pictures.of("ada"), drawn], [null, 2]);
  pictures.forget();
  const again = pictures.of("ada");
  assert.ok(again instanceof Promise);
  await settle();
  assert.deepEqual([await again, drawn, asked], [null, 3, [["ada"]]]);
});

test("of very many people the first ones are forgotten", () => {
  for (let user = 0; user <= 5_000; user++) pictures.learn({ user: `u${user}`, picture: null });
  assert.ok(pictures.of("u0") instanceof Promise);
  assert.equal(pictures.of("u1"), null);
});

test("the page hears of changes and of gaps", () => {
  const heard = {};
  const item = {};
  let redrawn = 0;
  begin({
    call: async () => ({ pictures: {} }),
    hear: (name, listener) => (heard[name] = listener),
    place: (place, given) => Object.assign(item, given, { place }),
    redrawPictures: () => (redrawn += 1),
  });
  assert.deepEqual([item.place, item.id], ["avatars/v1", "pictures"]);
  heard.changed({ missed: false, payload: { user: "ada", picture: "/ada/1" } });
  assert.deepEqual([item.picture({ id: "ada" }), redrawn], ["/ada/1", 1]);
  heard.changed({ missed: true, payload: null });
  assert.ok(item.picture({ id: "ada" }) instanceof Promise);
});

const square = ({ left, top, side }) => [left, top, side].map((each) => Math.round(each));

test("the largest square in the middle is taken, until it is moved or enlarged", () => {
  const crop = new Crop(600, 400);
  assert.deepEqual(square(crop), [100, 0, 400]);
  crop.zoomTo(2);
  assert.deepEqual(square(crop), [200, 100, 200]);
  crop.moveBy(0.5, -0.25);
  assert.deepEqual(square(crop), [300, 50, 200]);
});

test("a square stays within its picture", () => {
  const crop = new Crop(600, 400);
  crop.moveBy(9, 9);
  assert.deepEqual(square(crop), [200, 0, 400]);
  crop.zoomTo(100);
  assert.deepEqual(square(crop), [350, 150, 100]);
  crop.moveBy(9, 9);
  assert.deepEqual(square(crop), [500, 300, 100]);
  crop.zoomTo(0);
  assert.deepEqual(square(crop), [200, 0, 400]);
  crop.moveBy(-9, -9);
  assert.deepEqual(square(crop), [0, 0, 400]);
});
