/** Reads a page of metrics, and works out the lines of panels from two such pages. Uses no DOM. */

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a page in the text format: by name, a list of {labels, value}. */
export function samplesOf(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const parts = line.startsWith("#") ? null : SAMPLE.exec(line);
    if (parts === null) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(LABEL)) {
      labels[name] = value.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
    }
    const value = parts[3] === "+Inf" ? Infinity : Number(parts[3]);
    if (!found.has(parts[1])) found.set(parts[1], []);
    found.get(parts[1]).push({ labels, value });
  }
  return found;
}

/**
 * The values of a line, by its legend: {"p99 wordfilter": 0.2}. `before` and `now` are two pages, {at, samples}, `at`
 * in seconds. Of a counter or histogram there is none until there are two pages.
 */
export function valuesOf(line, before, now) {
  const found = new Map();
  if (line.read === "rate") {
    for (const [key, more] of growths(line.metric, line, before, now)) {
      found.set(key, sum(more) / (now.at - before.at));
    }
  } else if (line.read === "quantile") {
    for (const [key, more] of growths(`${line.metric}_bucket`, line, before, now)) {
      const value = quantile(line.q, more);
      if (value !== null) found.set(key, value);
    }
  } else {
    for (const [key, group] of grouped(line.metric, line, now)) found.set(key, gauge(line, group, now));
  }
  if (found.size === 0 && line.or_zero && before !== null) found.set(legend(line, {}), 0);
  for (const [key, value] of [...found]) if (value === null) found.delete(key);
  return found;
}

function gauge(line, group, now) {
  const values = group.map((sample) => sample.value);
  if (line.read === "sum") return sum(values);
  if (line.read === "min") return Math.min(...values);
  if (line.read === "max") return Math.max(...values);
  if (line.read === "age") {
    const known = values.filter((value) => value > 0);
    return known.length === 0 ? null : now.at - Math.max(...known);
  }
  const whole = now.samples.get(line.of) ?? [];
  const shares = group.flatMap(({ labels, value }) => {
    const same = whole.find((other) => JSON.stringify(other.labels) === JSON.stringify(labels));
    return same === undefined || same.value === 0 ? [] : [value / same.value];
  });
  return shares.length === 0 ? null : Math.max(...shares);
}

/** By legend, by how much each sample has grown; a counter that began anew counts from 0. */
function growths(name, line, before, now) {
  const found = new Map();
  if (before === null) return found;
  const old = new Map((before.samples.get(name) ?? []).map(({ labels, value }) => [JSON.stringify(labels), value]));
  for (const [key, group] of grouped(name, line, now)) {
    const grown = group.map(({ labels, value }) => {
      const was = old.get(JSON.stringify(labels)) ?? 0;
      return { le: labels.le, by: value < was ? value : value - was };
    });
    found.set(key, grown);
  }
  return found;
}

function grouped(name, line, page) {
  const found = new Map();
  for (const sample of page.samples.get(name) ?? []) {
    if (!line.only.every(([label, value]) => new RegExp(`^(?:${value})$`).test(sample.labels[label] ?? ""))) continue;
    const key = legend(line, sample.labels);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(sample);
  }
  return found;
}

function legend(line, labels) {
  const parts = [line.name, ...line.by.map((label) => labels[label] ?? "")];
  return parts.filter((part) => part !== "").join(" ") || line.metric;
}

/** Like histogram_quantile of Prometheus: linear within the bucket; null if nothing was counted. */
export function quantile(q, buckets) {
  const bounds = new Map();
  for (const { le, by } of buckets) {
    const bound = le === "+Inf" ? Infinity : Number(le);
    bounds.set(bound, (bounds.get(bound) ?? 0) + by);
  }
  const sorted = [...bounds].sort(([one], [other]) => one - other);
  const total = sorted.length === 0 ? 0 : sorted[sorted.length - 1][1];
  if (total === 0) return null;
  let [lower, below] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= q * total) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((q * total - below) / (count - below));
    }
    [lower, below] = [bound, count];
  }
  return lower;
}

function sum(values) {
  return values.reduce((total, each) => total + (typeof each === "number" ? each : each.by), 0);
}

const TEN_YEARS = 315_360_000;
const STEPS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A value for people, in the unit of its panel. */
export function shown(value, unit) {
  if (unit === "bool") return value >= 1 ? "yes" : "no";
  if (unit === "percentunit") return `${(value * 100).toFixed(1)} %`;
  if (unit === "bytes") {
    const power = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
    return `${round(value / 1024 ** power)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
  }
  if (unit === "s") {
    if (value < 0.001 && value > 0) return `${round(value * 1e6)} µs`;
    if (value < 1) return `${round(value * 1000)} ms`;
    if (value < 120) return `${round(value)} s`;
    if (value < 7200) return `${round(value / 60)} min`;
    if (value > TEN_YEARS) return "never"; // the time since 1970
    return value < 172_800 ? `${round(value / 3600)} h` : `${round(value / 86_400)} d`;
  }
  const step = STEPS.find(([least]) => Math.abs(value) >= least);
  const text = step === undefined ? round(value) : `${round(value / step[0])} ${step[1]}`;
  return unit === "ops" ? `${text} /s` : text;
}

function round(value) {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}
