/**
 * Answers "!ping" in every room it is in, once each. ping_bot.mjs http://HOST:PORT TOKEN [FILE]
 *
 * In the file it keeps how far it has come, so that it answers as well what was said while it did not run.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "chatserver-client";

const [url, token, kept] = process.argv.slice(2);
const lastPlace = kept && existsSync(kept) ? JSON.parse(readFileSync(kept, "utf-8")) : {};
const chat = await connect({ url, token, ...lastPlace });

function keepPlace() {
  if (!kept) return;
  writeFileSync(`${kept}.new`, JSON.stringify({ positions: chat.positions, epoch: chat.epoch }));
  renameSync(`${kept}.new`, kept);
}

keepPlace(); // from here on it misses nothing, even if it is ended before the first event
for await (const event of chat.events()) {
  if (event.ev === "message.posted" && event.body === "!ping") {
    // Made from the message's id: should the bot see it again, it still answers once.
    await chat.send(event.room, "pong", { reply_to: event.id, client_id: `pong ${event.id}` });
  }
  keepPlace();
}
