/** Settings of plugins as fields of a form: texts of values, values of what was typed, and what has changed. No DOM. */

/** What was typed is no value of the setting. */
export class NoValue extends Error {}

/** Whether a setting can be changed here; others are shown as they are. */
export function isOpen({ fixed }) {
  return fixed === "";
}

/** A value as an input shows it: a checkbox whether it is on, a list one item a line, everything else its text. */
export function typed(form, value) {
  if (form.kind === "boolean") return value === true;
  if (value === null || value === undefined) return "";
  return form.kind === "list" ? value.join("\n") : String(value);
}

/** The value of what was typed. Throws `NoValue`. */
export function read(form, given) {
  if (form.kind === "boolean") return given;
  if (form.is_optional && given === "") return null;
  if (form.kind !== "list") return bounded(form, one(form.kind, given, form));
  const items = given.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const found = items.map((item) => one(form.items, item, form));
  return long(form, found);
}

function one(kind, given, form) {
  if (kind === "choice" && !form.choices.includes(given)) throw new NoValue();
  if (kind !== "integer" && kind !== "number") return given;
  const value = given.trim() === "" ? NaN : Number(given);
  if (!(kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value))) throw new NoValue();
  return value;
}

function bounded(form, value) {
  if (typeof value !== "number") return long(form, value);
  const { minimum = -Infinity, maximum = Infinity, above = -Infinity, below = Infinity } = form;
  if (value < minimum || value > maximum || value <= above || value >= below) throw new NoValue();
  return value;
}

/** Bounds of characters, or of items. A pattern is looked at by the server alone: its notation is another one. */
function long(form, value) {
  const length = typeof value === "string" ? [...value].length : value.length;
  if (length < (form.min_length ?? 0) || length > (form.max_length ?? Infinity)) throw new NoValue();
  return value;
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * What to send: `settings` with the values that differ, `reset` with the names of those that fall back, and `wrong`
 * with the names of those whose input is no value. `inputs` are `{setting, given, isReset}`; an empty secret stays.
 */
export function changes(inputs) {
  /** @type {{settings: Record<string, unknown>, reset: string[], wrong: string[]}} */
  const found = { settings: {}, reset: [], wrong: [] };
  for (const { setting, given, isReset } of inputs) {
    const { key, form, current, is_secret: isSecret } = setting;
    if (isReset) found.reset.push(key);
    else if (isSecret ? given !== "" : !same(given, typed(form, current))) take(found, key, form, given, current);
  }
  return found;
}

function take(found, key, form, given, current) {
  try {
    const value = read(form, given);
    if (!same(value, current)) found.settings[key] = value;
  } catch (error) {
    if (!(error instanceof NoValue)) throw error;
    found.wrong.push(key);
  }
}

/** The bounds to say, as keys of texts below "setting.bounds." with their values. */
export function bounds(form) {
  const { kind, minimum, maximum, above, below, min_length: least, max_length: most, pattern } = form;
  /** @type {[string, Record<string, unknown>][]} */
  const found = [];
  if (minimum !== undefined && maximum !== undefined) found.push(["between", { least: minimum, most: maximum }]);
  else if (minimum !== undefined) found.push(["least", { least: minimum }]);
  else if (maximum !== undefined) found.push(["most", { most: maximum }]);
  if (above !== undefined) found.push(["above", { least: above }]);
  if (below !== undefined) found.push(["below", { most: below }]);
  const what = kind === "list" ? "lines" : "characters";
  if (least !== undefined) found.push([`${what}.least`, { least }]);
  if (most !== undefined) found.push([`${what}.most`, { most }]);
  if (pattern !== undefined) found.push(["pattern", { pattern }]);
  return found;
}
