// The arithmetic of the page /_admin/numbers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { quantile, samplesOf, shown, valuesOf } from "../../plugins/metrics/page/reading.js";

const line = (read, metric, more = {}) => ({ read, metric, by: [], q: 0, of: "", only: [], name: "", or_zero: false, ...more });
const page = (at, text) => ({ at, samples: samplesOf(text) });
const values = (...given) => Object.fromEntries(valuesOf(...given));

test("samples have names, labels and values", () => {
  const samples = samplesOf('# HELP a b\na 1\nb{x="1",y="a \\"q\\" \\\\ \\n, {z}"} 2.5e3\nb{x="2"} +Inf\nc{} NaN 17\n');
  assert.deepEqual(samples.get("a"), [{ labels: {}, value: 1 }]);
  assert.deepEqual(samples.get("b")[0], { labels: { x: "1", y: 'a "q" \\ \n, {z}' }, value: 2500 });
  assert.equal(samples.get("b")[1].value, Infinity);
  assert.ok(Number.isNaN(samples.get("c")[0].value));
});

test("a counter's rate needs two pages, and counts from 0 after a restart", () => {
  const first = page(10, 'n_total{k="a",w="1"} 5\nn_total{k="a",w="2"} 1\nn_total{k="b",w="1"} 7\n');
  const second = page(12, 'n_total{k="a",w="1"} 9\nn_total{k="a",w="2"} 3\nn_total{k="b",w="1"} 1\nn_total{k="c",w="1"} 4\n');
  assert.deepEqual(values(line("rate", "n_total"), null, first), {});
  assert.deepEqual(values(line("rate", "n_total", { by: ["k"] }), first, second), { a: 3, b: 0.5, c: 2 });
  assert.deepEqual(values(line("rate", "n_total", { name: "all" }), first, second), { all: 5.5 });
  assert.deepEqual(values(line("rate", "n_total", { only: [["k", "a|c"]], name: "x" }), first, second), { x: 5 });
  assert.deepEqual(values(line("rate", "none", { or_zero: true, name: "errors" }), first, second), { errors: 0 });
});

test("gauges are summed, compared, dated and related", () => {
  const now = page(100, 'g{i="1"} 2\ng{i="2"} 5\nwhole{i="1"} 4\nwhole{i="2"} 0\nsince 40\nnever 0\n');
  assert.deepEqual(values(line("sum", "g"), null, now), { g: 7 });
  assert.deepEqual(values(line("max", "g", { by: ["i"] }), null, now), { 1: 2, 2: 5 });
  assert.deepEqual(values(line("min", "g"), null, now), { g: 2 });
  assert.deepEqual(values(line("age", "since"), null, now), { since: 60 });
  assert.deepEqual(values(line("age", "never"), null, now), {});
  assert.deepEqual(values(line("share", "g", { of: "whole" }), null, now), { g: 0.5 });
});

test("a quantile is that of what came between two pages", () => {
  const first = page(0, 's_bucket{le="1"} 100\ns_bucket{le="2"} 100\ns_bucket{le="+Inf"} 100\n');
  const second = page(5, 's_bucket{le="1"} 150\ns_bucket{le="2"} 200\ns_bucket{le="+Inf"} 200\n');
  assert.deepEqual(values(line("quantile", "s", { q: 0.5, name: "p50" }), first, second), { p50: 1 });
  assert.deepEqual(values(line("quantile", "s", { q: 0.75, name: "p75" }), first, second), { p75: 1.5 });
  assert.deepEqual(values(line("quantile", "s", { q: 0.75, name: "p75" }), second, second), {});
});

test("a value beyond the last bound is the last bound", () => {
  assert.equal(quantile(0.99, [{ le: "1", by: 1 }, { le: "+Inf", by: 100 }]), 1);
  assert.equal(quantile(0.5, []), null);
});

test("values are shown in their units", () => {
  const expected = [
    [0.00025, "s", "250 µs"], [0.0123, "s", "12.3 ms"], [90, "s", "90 s"], [5400, "s", "90 min"], [90_000, "s", "25 h"],
    [500_000, "s", "5.79 d"], [1.7e9, "s", "never"], [0.5, "percentunit", "50.0 %"], [1536, "bytes", "1.50 KiB"], [0, "bytes", "0 B"],
    [1, "bool", "yes"], [0, "bool", "no"], [12_345, "short", "12.3 k"], [3, "short", "3"], [0.25, "ops", "0.250 /s"],
  ];
  for (const [value, unit, text] of expected) assert.equal(shown(value, unit), text);
});
