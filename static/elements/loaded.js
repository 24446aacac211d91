/** Parts of the page that are loaded when somebody asks for them, so that they cost nobody else anything. */

import { tellError } from "./toasts.js";

/** The module that `asking`, an `import()`, brings; null, and a word to the reader, if there is no network for it. */
export async function loaded(asking) {
  try {
    return await asking;
  } catch (error) {
    console.error(error);
    tellError({ code: "connection.lost", message: "" });
    return null;
  }
}

export async function showShortcuts() {
  (await loaded(import("./shortcuts-dialog.js")))?.showShortcuts();
}
