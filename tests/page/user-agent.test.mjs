import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAgent } from "../../static/lib/user-agent.js";

const GECKO = "Gecko/20100101";
const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const BROWSERS = [
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) ${GECKO} Firefox/133.0`, "Firefox", "Windows"],
  [`Mozilla/5.0 (X11; Linux x86_64; rv:133.0) ${GECKO} Firefox/133.0`, "Firefox", "Linux"],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36`, "Chrome", "Windows"],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`, "Microsoft Edge", "Windows"],
  [`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36 OPR/116.0.0.0`, "Opera", "Linux"],
  [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36`, "Chrome", "ChromeOS"],
  [`Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36`, "Chrome", "Android"],
  [`Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36`, "Samsung Internet", "Android"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari", "macOS"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "Safari", "iPhone"],
  ["Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome", "iPad"],
];

test("browsers and systems have the names that people know", () => {
  for (const [agent, program, system] of BROWSERS) assert.deepEqual(describeAgent(agent), { program, system }, agent);
});

test("programs are named by themselves", () => {
  assert.deepEqual(describeAgent("curl/8.5.0"), { program: "curl", system: "" });
  assert.deepEqual(describeAgent("python-requests/2.32.3"), { program: "python-requests", system: "" });
  assert.deepEqual(describeAgent("Wget"), { program: "Wget", system: "" });
});

test("nothing is guessed where the header tells nothing", () => {
  const unknown = { program: "", system: "" };
  for (const agent of ["", undefined, null, "Mozilla/5.0", "<script>", "山"]) assert.deepEqual(describeAgent(agent), unknown);
  assert.deepEqual(describeAgent("Mozilla/5.0 (Windows NT 10.0)"), { program: "", system: "Windows" });
  assert.deepEqual(describeAgent("x".repeat(100_000)), unknown);
});
