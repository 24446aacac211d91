/** A list whose rows are one stop for Tab: the controls of one row at a time, and arrows that lead from row to row. */

import { openRow } from "./row-controls.js";

const CONTROLS = "a[href], button";

/** The rows of `list`, now and later. The control in the same place of the next row gets the focus, as far as it has one. */
export function oneStop(list) {
  let current = null;
  const rows = () => [...list.children];

  function enter(row) {
    if (row === current) return;
    current = row;
    for (const each of rows()) openRow(each, each === row);
  }

  function onKey(event) {
    const { key, target, altKey, ctrlKey, metaKey } = event;
    const all = rows();
    const at = all.findIndex((row) => row.contains(target));
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[key];
    if (to === undefined || event.defaultPrevented || altKey || ctrlKey || metaKey || !target.matches(CONTROLS)) return;
    event.preventDefault();
    const controls = all[to]?.querySelectorAll(CONTROLS) ?? [];
    const place = [...all[at].querySelectorAll(CONTROLS)].indexOf(target);
    controls[Math.min(place, controls.length - 1)]?.focus();
  }

  list.addEventListener("keydown", onKey);
  list.addEventListener("focusin", ({ target }) => enter(rows().find((row) => row.contains(target))));
  new MutationObserver(() => {
    const row = current?.parentNode === list ? current : rows().find((each) => each.querySelector(CONTROLS));
    current = null;
    enter(row);
  }).observe(list, { childList: true });
}
