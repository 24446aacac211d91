/** Settings of plugins as fields of a form: texts of values, values of what was typed, and what has changed. No DOM. */

/** What was typed is no value of the setting. `problems` has `{row | entry, field, reason}` for each wrong part of it. */
export class NoValue extends Error {
  constructor(problems = []) {
    super();
    this.problems = problems;
  }
}

/** Whether a setting can be changed here; others are shown as they are. */
export function isOpen({ fixed }) {
  return fixed === "";
}

/** The fields of a table that can be changed here. */
export function openFields({ fields }) {
  return fields.filter((field) => !field.is_of_operator);
}

/**
 * A value as an input shows it: a checkbox whether it is on, a list one item a line, a map its pairs, tables the pairs
 * of their names and what is typed by key, everything else its text. A secret within a table is empty: it is not shown.
 */
export function typed(form, value) {
  if (form.kind === "boolean") return value === true;
  if (form.kind === "map") return Object.entries(value ?? {}).map(([name, each]) => [name, typed(form.values, each)]);
  if (form.kind === "tables") return Object.entries(value ?? {}).map(([name, table]) => [name, typedTable(form, table)]);
  if (value === null || value === undefined) return "";
  return form.kind === "list" ? value.join("\n") : String(value);
}

/** What is typed in the fields of a table; of a new one, the usual values. */
export function typedTable(form, table = {}) {
  return Object.fromEntries(
    openFields(form).map(({ key, form: inner, default: usual, is_secret: isSecret }) => [key, isSecret ? "" : typed(inner, key in table ? table[key] : usual)]),
  );
}

/** The value of what was typed. Throws `NoValue`. */
export function read(form, given) {
  if (form.kind === "boolean") return given;
  if (form.kind === "map") return readMap(form, given);
  if (form.kind === "tables") return readTables(form, given);
  if (form.is_optional && given === "") return null;
  if (form.kind !== "list") return bounded(form, one(form.kind, given, form));
  const items = given.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const found = items.map((item) => one(form.items, item, form));
  return long(form, found);
}

/** A map of its rows; one in which nothing was typed is none. */
function readMap(form, rows) {
  const found = new Map();
  const problems = [];
  rows.forEach(([name, text], row) => {
    if (name === "" && (text === "" || typeof text === "boolean")) return;
    if (name === "" || found.has(name)) problems.push({ row, field: "name", reason: name === "" ? "required" : "taken" });
    else found.set(name, attempt(() => read(form.values, text), () => problems.push({ row, field: "value", reason: "value" })));
  });
  if (problems.length > 0) throw new NoValue(problems);
  return Object.fromEntries(found);
}

/** Tables with what is not usual in them; a secret in which nothing was typed is left out, and stays as it is. */
function readTables(form, tables) {
  const problems = [];
  const found = tables.map(([name, given]) => {
    const table = {};
    for (const { key, form: inner, default: usual, is_secret: isSecret, is_required: isRequired } of openFields(form)) {
      if (isSecret && given[key] === "") continue;
      const value = attempt(() => read(inner, given[key]), (error) => problems.push(...parts(error, name, key)));
      if (isRequired || !same(value, usual)) table[key] = value;
    }
    return [name, table];
  });
  if (problems.length > 0) throw new NoValue(problems);
  return Object.fromEntries(found);
}

function parts({ problems }, entry, field) {
  return [{ entry, field, reason: "value", parts: problems }];
}

function attempt(action, failed) {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof NoValue)) throw error;
    return failed(error);
  }
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

/** The whole address of what is served below a path, or an address, under a name. `page` is the address of the page. */
export function addressOf(below, name, page) {
  return new URL(`${below}${encodeURIComponent(name)}`, page).href;
}

/** The names of tables in use that are served at an address, with that: `[[address, name], …]`. */
export function served(settings) {
  return settings.flatMap(({ address, current }) => (address ? Object.keys(current ?? {}).map((name) => [address, name]) : []));
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * What to send: `settings` with the values that differ, `reset` with the names of those that fall back, and `wrong`
 * with a problem for each whose input is no value. `inputs` are `{setting, given, isReset}`; an empty secret stays.
 */
export function changes(inputs) {
  /** @type {{settings: Record<string, unknown>, reset: string[], wrong: {setting: string, reason: string, parts: object[]}[]}} */
  const found = { settings: {}, reset: [], wrong: [] };
  for (const { setting, given, isReset } of inputs) {
    const { key, form, current, is_secret: isSecret } = setting;
    if (isReset) found.reset.push(key);
    else if (isSecret ? given !== "" : !same(given, typed(form, current))) {
      const value = attempt(() => read(form, given), ({ problems }) => void found.wrong.push({ setting: key, reason: "value", parts: problems }));
      if (value !== undefined && !same(value, current)) found.settings[key] = value;
    }
  }
  return found;
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
  if (least === 1) found.push(["notEmpty", {}]);
  else if (least !== undefined) found.push([`${what}.least`, { least }]);
  if (most !== undefined) found.push([`${what}.most`, { most }]);
  if (pattern !== undefined) found.push(["pattern", { pattern }]);
  return found;
}
