/** Does with the client what the lines on its input say, and answers each in a line: see programs.py. */

import { createInterface } from "node:readline";
import { ChatError, connect } from "chatserver-client";

let chat;
let events;
const notices = [];
const warnings = [];

const told = (error) => ({ ...error, message: error.message, is_chat_error: error instanceof ChatError });

const DO = {
  async connect(options) {
    chat = await connect({ warn: (text) => warnings.push(text), ...options });
    events = chat.events();
    chat.onNotice((notice) => notices.push(notice));
    return chat.user ?? null;
  },
  send: (...given) => chat.send(...given),
  request: async (...given) => (await chat.request(...given)) ?? null,
  /** As many events of the kinds as wanted, or until the end. */
  async take(count, kinds) {
    const found = [];
    while (found.length < count) {
      const { value, done } = await events.next();
      if (done) return [...found, "end"];
      if (kinds.includes(value.ev)) found.push(value);
    }
    return found;
  },
  place: async () => ({ positions: chat.positions, epoch: chat.epoch }),
  notices: async () => notices,
  warnings: async () => warnings,
  close: async () => chat.close() ?? null,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { number, name, given } = JSON.parse(line);
  DO[name](...given).then(
    (ok) => console.log(JSON.stringify({ number, ok })),
    (error) => console.log(JSON.stringify({ number, error: told(error) })),
  );
}
