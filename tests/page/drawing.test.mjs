import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const FRAME_MS = 16;

let drawSoon;
let faults;
let now; // ms

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  now = 0;
  faults = [];
  mock.method(performance, "now", () => now);
  globalThis.requestAnimationFrame = (draw) => setTimeout(draw, FRAME_MS);
  globalThis.reportError = (error) => faults.push(error.message);
  ({ drawSoon } = await import(`../../static/lib/drawing.js?${Math.random()}`));
});

function pass(ms) {
  for (let passed = 0; passed < ms; passed += 1) {
    now += 1;
    mock.timers.tick(1);
  }
}

test("what is drawn once is drawn with the next frame", () => {
  const draw = mock.fn();
  drawSoon(draw);
  assert.equal(draw.mock.callCount(), 0);
  pass(FRAME_MS + 1);
  assert.equal(draw.mock.callCount(), 1);
});

test("a few changes are drawn at once, each with its frame", () => {
  const draw = mock.fn();
  for (let number = 1; number <= 5; number += 1) {
    drawSoon(draw);
    pass(FRAME_MS + 1);
    assert.equal(draw.mock.callCount(), number);
  }
});

test("a flood is drawn seven times a second at most, and its end is drawn", () => {
  const draw = mock.fn();
  const flood = (ms) => {
    const before = draw.mock.callCount();
    for (let moment = 0; moment < ms; moment += 5) {
      drawSoon(draw);
      pass(5);
    }
    return draw.mock.callCount() - before;
  };
  const first = flood(1_000);
  assert.ok(first <= 5 + 7, String(first));
  const later = flood(1_000);
  assert.ok(later >= 5 && later <= 7, String(later));
  drawSoon(draw);
  pass(200);
  const atTheEnd = draw.mock.callCount();
  assert.ok(atTheEnd > first + later);
  pass(10_000);
  assert.equal(draw.mock.callCount(), atTheEnd);
  assert.ok(flood(1_000) > 7); // whoever rested may begin at once again
});

test("all that changed is drawn in one frame", () => {
  const drawn = [];
  const [one, other] = ["one", "other"].map((name) => () => drawn.push([name, performance.now()]));
  drawSoon(one);
  pass(5);
  drawSoon(other);
  drawSoon(one);
  pass(50);
  assert.deepEqual(drawn.map(([name]) => name), ["one", "other"]);
  assert.equal(drawn[0][1], drawn[1][1]);
});

test("what cannot be drawn keeps nothing else from being drawn", () => {
  const draw = mock.fn();
  drawSoon(() => {
    throw new Error("no");
  });
  drawSoon(draw);
  pass(50);
  assert.equal(draw.mock.callCount(), 1);
  assert.deepEqual(faults, ["no"]);
});
