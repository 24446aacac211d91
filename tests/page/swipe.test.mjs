import assert from "node:assert/strict";
import { test } from "node:test";
import { Swipe } from "../../static/lib/swipe.js";

/** A finger that was put at 100, 100 and went to these points. */
function after(points, sign = 1) {
  const swipe = new Swipe({ x: 100, y: 100 }, sign);
  for (const [x, y] of points) swipe.to({ x, y });
  const { isResting, distance, isEnough } = swipe;
  return { isResting, distance, isEnough };
}

test("a finger that trembles rests", () => {
  assert.deepEqual(after([[104, 97], [110, 110], [93, 102]]), { isResting: true, distance: 0, isEnough: false });
});

test("a swipe counts from 64 px on, and not if the finger has come back", () => {
  assert.deepEqual(after([[115, 102], [150, 104]]), { isResting: false, distance: 50, isEnough: false });
  assert.equal(after([[115, 102], [164, 104]]).isEnough, true);
  assert.equal(after([[115, 102], [164, 104], [120, 104]]).isEnough, false);
});

test("nothing follows the finger further than 96 px, or behind where it was put", () => {
  assert.equal(after([[150, 100], [300, 100]]).distance, 96);
  assert.equal(after([[150, 100], [40, 100]]).distance, 0);
});

test("the first pixels decide: who scrolls does not swipe, and who swipes may go up and down", () => {
  assert.deepEqual(after([[102, 120], [300, 120]]), { isResting: false, distance: 0, isEnough: false });
  assert.equal(after([[112, 106], [300, 106]]).distance, 0);
  assert.equal(after([[115, 100], [170, 300]]).distance, 70);
});

test("the other way is no swipe", () => {
  assert.equal(after([[85, 100], [20, 100]]).isEnough, false);
  assert.equal(after([[85, 100], [20, 100]], -1).isEnough, true);
  assert.equal(after([[115, 100], [180, 100]], -1).isEnough, false);
});
