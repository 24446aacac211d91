/**
 * Texts with marks (formatting.js), or with names of people and rooms: what draws them is loaded with the first of them, which
 * stands as typed until then.
 */

const MARKS = /[\\\x60*_~|[#>]|^[ \t]*(?:[-+][ \t]|[0-9]+[.)][ \t]|---)/m;

export const formatting = new EventTarget(); // fires "loaded"
/** @type {any} */
let formatter = null;
/** @type {Promise<unknown> | null} */
let loading = null;
/** @type {any} */
let namer = null;
/** @type {Promise<unknown> | null} */
let naming = null;

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

export function hasNames(text) {
  return /@[\p{L}\p{M}\p{N}_]|#\S/u.test(text);
}

/** `{named}` of elements/named.js; null for a text without names, and until it is loaded. */
export function namerOf(text) {
  if (!hasNames(text)) return null;
  naming ??= import("../elements/named.js").then(
    (module) => {
      namer = module;
      formatting.dispatchEvent(new Event("loaded"));
    },
    () => (naming = null),
  );
  return namer;
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
