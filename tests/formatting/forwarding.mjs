/** Answers each line, `[name, body, comment]` as JSON, with the text of the message that the page makes of it. */

import { createInterface } from "node:readline";
import { forwarded } from "../../static/lib/forwarding.js";

for await (const line of createInterface({ input: process.stdin })) {
  const [name, body, comment] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(forwarded({ author: { name }, body }, comment, "https://chat.example/m/a-1").body)}\n`);
}
