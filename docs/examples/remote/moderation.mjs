/**
 * A remote service for chatserver on a Unix socket: refuses messages with words that are not wanted here.
 *
 *     REMOTE_SECRET=… node moderation.mjs /run/moderation.sock spam casino
 *
 * Uses node alone. docs/plugins/remote.md of chatserver describes the protocol.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { rmSync } from "node:fs";
import { createServer } from "node:http";

const KEY = process.env.REMOTE_SECRET;
const [SOCKET, ...WORDS] = process.argv.slice(2);
const LONGEST_SECONDS = 300; // that a request may have been under way

/** Whether the request is from the server that knows the secret, and of now. */
function isSigned(headers, body) {
  const { "webhook-id": id = "", "webhook-timestamp": at = "0", "webhook-signature": given = "" } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(at)) <= LONGEST_SECONDS)) return false;
  const expected = Buffer.from(`v1,${createHmac("sha256", KEY).update(`${id}.${at}.`).update(body).digest("base64")}`);
  return expected.length === Buffer.byteLength(given) && timingSafeEqual(expected, Buffer.from(given));
}

const HOOKS = {
  hello: () => ({ protocol: 1, hooks: ["check_message"] }),
  check_message({ draft }) {
    const found = WORDS.find((word) => draft.body.toLowerCase().includes(word));
    return found ? { answer: "refuse", reason: `We do not talk about ${found} here.` } : { answer: "pass" };
  },
};

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const reply = (status, value) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  if (!isSigned(request.headers, body)) return reply(401, { error: "the signature is not valid" });
  const { hook, arguments: given } = JSON.parse(body);
  return reply(200, HOOKS[hook](given));
});

rmSync(SOCKET, { force: true });
server.listen(SOCKET, () => console.log(`moderation listens on ${SOCKET}`));
