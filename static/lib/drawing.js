/** When the page is drawn anew after what others do, which may come in floods. */

const PACE_MS = 150;

const due = new Set();
let drawnAt = -Infinity;

/** Calls `draw` with the next frame, yet at most seven times a second. */
export function drawSoon(draw) {
  if (due.size === 0) setTimeout(() => requestAnimationFrame(drawDue), drawnAt + PACE_MS - performance.now());
  due.add(draw);
}

function drawDue() {
  const draws = [...due];
  due.clear();
  drawnAt = performance.now();
  for (const draw of draws) {
    try {
      draw();
    } catch (error) {
      reportError(error); // the others are drawn all the same
    }
  }
}
