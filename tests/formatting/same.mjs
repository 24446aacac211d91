/** Answers each line, a text as JSON, with the page's tree of it and the text without marks. */

import { createInterface } from "node:readline";
import { parse } from "../../static/lib/formatting.js";
import { plain } from "../../static/lib/plain.js";

for await (const line of createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  process.stdout.write(`${JSON.stringify([parse(text), plain(text)])}\n`);
}
