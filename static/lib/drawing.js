/** When the page is drawn anew after what others do, which may come in floods. */

const PACE_MS = 150; // between two draws in a flood
const BURST = 5; // draws that wait for nothing, before it is one

const due = new Set();
let left = BURST; // of them
let countedAt = 0;

/** Calls `draw` with the next frame, yet in a flood seven times a second at most. */
export function drawSoon(draw) {
  if (due.size === 0) setTimeout(() => requestAnimationFrame(drawDue), wait());
  due.add(draw);
}

/** ms until there is one more. */
function wait() {
  const now = performance.now();
  left = Math.min(BURST, left + (now - countedAt) / PACE_MS);
  countedAt = now;
  return Math.max(0, (1 - left) * PACE_MS);
}

function drawDue() {
  const draws = [...due];
  due.clear();
  left -= 1;
  for (const draw of draws) {
    try {
      draw();
    } catch (error) {
      reportError(error); // the others are drawn all the same
    }
  }
}
