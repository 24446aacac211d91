/** The page of numbers: reads the metrics again and again, and shows the panels of one dashboard. */

import { samplesOf, shown, valuesOf } from "./numbers-reading.js";

const EVERY_SECONDS = 5;
const LOOKS = 60; // of which a curve is made
const SVG = "http://www.w3.org/2000/svg";

const state = document.getElementById("state");
const boards = await (await fetch("/_admin/numbers-panels.json")).json();
const history = new Map(); // by dashboard, panel and legend: the last values
let before = null;

function chosen() {
  return boards.find((board) => `#${board.uid}` === location.hash) ?? boards[0];
}

async function look() {
  try {
    const answer = await fetch(document.body.dataset.metrics, { headers: { Accept: "text/plain" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const now = { at: Date.now() / 1000, samples: samplesOf(await answer.text()) };
    for (const board of boards) for (const panel of board.panels) keep(board, panel, now);
    before = now;
    state.textContent = `As of ${new Date().toLocaleTimeString()}, of this node`;
    draw();
  } catch (error) {
    state.textContent = `The node does not answer (${error.message})`;
  }
  setTimeout(look, EVERY_SECONDS * 1000);
}

function keep(board, panel, now) {
  for (const line of panel.lines) {
    for (const [legend, value] of valuesOf(line, before, now)) {
      const key = JSON.stringify([board.uid, panel.title, legend]);
      const values = history.get(key) ?? [];
      values.push(value);
      if (values.length > LOOKS) values.shift();
      history.set(key, values);
    }
  }
}

function draw() {
  const board = chosen();
  const links = boards.map((each) => {
    const link = element("a", each.title.replace("chatserver: ", ""));
    link.href = `#${each.uid}`;
    if (each === board) link.setAttribute("aria-current", "page");
    return link;
  });
  document.getElementById("boards").replaceChildren(...links);
  document.getElementById("panels").replaceChildren(...board.panels.map((panel) => drawn(board, panel)));
}

function drawn(board, panel) {
  const section = element("section", element("h2", panel.title));
  if (panel.about) section.append(element("p", panel.about));
  const table = element("table");
  for (const [key, values] of history) {
    const [uid, title, legend] = JSON.parse(key);
    if (uid !== board.uid || title !== panel.title) continue;
    const last = values[values.length - 1];
    const value = element("td", shown(last, panel.unit));
    if (panel.warn !== null && (panel.is_low_bad ? last < panel.warn : last >= panel.warn)) value.className = "bad";
    const curve = element("td", drawnCurve(values));
    curve.className = "curve";
    const name = element("th", legend);
    name.scope = "row";
    table.append(element("tr", name, value, curve));
  }
  section.append(table.rows.length > 0 ? table : element("p", "Nothing yet."));
  return section;
}

function drawnCurve(values) {
  const most = Math.max(...values, Number.MIN_VALUE);
  const points = values.map((value, at) => `${(at / (LOOKS - 1)) * 100},${20 - (Math.max(value, 0) / most) * 18}`);
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 100 20");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  drawing.append(line);
  return drawing;
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

addEventListener("hashchange", draw);
draw();
await look();
