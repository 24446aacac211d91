/** The marks below one's own last messages: whether the others have read them, as it stands. */

import { make, styled } from "./make.js";

const shown = new Map(); // marks that are in the page: functions that draw a count, by message
let last = null; // the count that was told last: a row that is made anew shows it at once
let asking = null; // the page by which marks are asked for again

/** Fills the element; returns what ends it. The server tells this connection of changes from then on. */
export function show(page, element, message) {
  styled();
  asking = page;
  const line = make("p", { className: "receipts-mark muted", hidden: true, testid: "receipts-mark" });
  const opener = make("button", { type: "button", className: "link", onclick: () => void open() });
  element.append(line);

  /** @param {{read: number, of: number}} count */
  function draw({ read, of }) {
    line.hidden = read === 0;
    if (of === 1) line.textContent = page.t("read");
    else {
      opener.textContent = page.t("readCount", { count: read });
      if (opener.parentNode !== line) line.replaceChildren(opener);
    }
  }

  async function open() {
    await (await import("./readers.js")).show(page, message);
    opener.focus();
  }

  shown.set(message, draw);
  if (last?.message === message) draw(last);
  void watch(page, message);
  return () => {
    if (shown.get(message) === draw) shown.delete(message);
  };
}

/** The server has told of a count. */
export function told(count) {
  last = count;
  shown.get(count.message)?.(count);
}

/** Some may have been missed: the connection is a new one, which watches nothing. */
export function again() {
  for (const message of shown.keys()) void watch(asking, message);
}

/** What fails shows nothing, as with a message that nobody has read; it is asked again with the next connection. */
async function watch(page, message) {
  const count = await page.call("watch", { message }).catch(() => null);
  if (count) told(count);
}
