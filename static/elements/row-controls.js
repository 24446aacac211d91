/**
 * The keyboard in a list of rows: the list is one tab stop, arrows move between rows, Enter and Tab go into one. Only the
 * row with the focus has controls that Tab reaches.
 */

const CONTROLS = "a[href], button, input, select, textarea, [role=region]";

/** Whether Tab reaches what is in a row; a key leads to its author. */
export function openRow(row, isOpen) {
  for (const control of row.querySelectorAll(CONTROLS)) {
    if (!isOpen || control.matches(".author")) control.setAttribute("tabindex", "-1");
    else if (control.role) control.tabIndex = 0; // scrolls by itself
    else control.removeAttribute("tabindex");
  }
}

/** The row among `rows` to which Tab leads. */
export function makeTabStop(rows, chosen) {
  for (const row of rows) {
    const stop = row === chosen ? "0" : "-1";
    if (row.getAttribute("tabindex") !== stop) row.setAttribute("tabindex", stop);
  }
}

/** The first control of a row, which Enter leads to: of its actions, else any but the name of its author. */
export function firstControl(row) {
  return row.querySelector(".actions button") ?? row.querySelector(`:is(${CONTROLS}):not(.author)`);
}

/** The control of a row that does the same as one of the row in whose place it stands; of several, the one at its place. */
export function twinOf(control, row) {
  const { part, testid, do: what, emoji } = control.dataset;
  const isTwin = ({ dataset }) =>
    dataset.part === part && dataset.testid === testid && dataset.do === what && dataset.emoji === emoji;
  const twins = [...row.querySelectorAll(control.localName)].filter(isTwin);
  const alike = [...control.closest("[data-key]").querySelectorAll(control.localName)].filter(isTwin);
  return twins[alike.indexOf(control)] ?? twins[0] ?? row;
}
