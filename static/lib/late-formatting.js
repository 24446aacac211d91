/** Texts with marks (formatting.js): what draws them is loaded with the first of them, which stands as typed until then. */

const MARKS = /[\\\x60*_~|[#>]|^[ \t]*(?:[-+][ \t]|[0-9]+[.)][ \t]|---)/m;

export const formatting = new EventTarget(); // fires "loaded"
/** @type {any} */
let formatter = null;
/** @type {Promise<unknown> | null} */
let loading = null;

export function hasMarks(text) {
  return MARKS.test(text);
}

/** `{formatted, plain}` of elements/formatted.js; null for a text without marks, and until it is loaded. */
export function formatterOf(text) {
  if (!hasMarks(text)) return null;
  loading ??= import("../elements/formatted.js").then(
    (module) => {
      formatter = module;
      formatting.dispatchEvent(new Event("loaded"));
    },
    () => (loading = null), // the next text asks again
  );
  return formatter;
}

/** Resolves once `formatterOf` has what draws the marks of a text, or could not be loaded. */
export async function readyFor(text) {
  formatterOf(text);
  await loading;
}

/** A text without its marks, for a line that tells of it. */
export function plainOf(text) {
  return formatterOf(text)?.plain(text) ?? text;
}
