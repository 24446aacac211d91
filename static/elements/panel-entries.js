/**
 * A panel that stands on the messages has an entry of its own in the browser's history, so that the system's way back closes
 * the panel first, and leads from the room after that. Loaded with the first such panel.
 */

/**
 * Follows the history until `signal` aborts. `main` has the `<room-view>`, `active()` returns the id of the room that the
 * address names. `settle()` is to be called when a panel was opened or closed, and after an entry was added.
 */
export function panelEntries({ main, active, signal }) {
  let entry = present();

  function settle() {
    const view = main.querySelector("room-view");
    const isCovered = view !== null && view.room === active() && view.isCovered;
    const { panel } = present();
    if (panel === undefined && isCovered) history.pushState({ panel: true }, "");
    else if (panel !== undefined && panel !== isCovered) history.replaceState({ panel: isCovered }, "");
    entry = present();
  }

  function onMoved() {
    const before = entry;
    entry = present();
    if (entry.hash !== before.hash) return; // the page goes elsewhere, and settles then
    if (before.panel === false && entry.panel === undefined) {
      history.back(); // that of a panel which was closed otherwise is passed over
      return;
    }
    if (before.panel && !entry.panel && !closeDialogs()) main.querySelector("room-view")?.leavePanel();
    settle();
  }

  window.addEventListener("popstate", onMoved, { signal });
  window.addEventListener("hashchange", settle, { signal });
  return { settle };
}

/** This entry of the history: `panel` says whether its panel is open, and is undefined if it is that of none. */
function present() {
  return { hash: location.hash, panel: history.state?.panel };
}

/** Whether there were any, which stood in front of the panel. */
function closeDialogs() {
  /** @type {NodeListOf<HTMLDialogElement>} */
  const open = document.querySelectorAll("dialog[open]");
  for (const dialog of open) dialog.close();
  return open.length > 0;
}
