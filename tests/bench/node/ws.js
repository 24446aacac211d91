/** `node ws.js PORT FILE`: the chat with `ws`, and what else of it is read over HTTP, with node's own server. */

import http from "node:http";

import { chat, upgrades, userOf } from "./chat.js";
import { Store } from "./store.js";

const [port, file] = process.argv.slice(2);
const MESSAGES = /^\/api\/v1\/rooms\/([^/]+)\/messages$/;
const MOST_ROOMS = 1000;
const store = new Store(file);

function answer(response, value, status = 200) {
  const body = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function read(request, response) {
  const url = new URL(request.url, "http://localhost");
  const found = MESSAGES.exec(url.pathname);
  if (found) answer(response, { messages: store.newest(found[1], Number(url.searchParams.get("limit") ?? 50)) });
  else if (url.pathname === "/api/v1/rooms") answer(response, { rooms: store.rooms(userOf(request), MOST_ROOMS) });
  else answer(response, {}, url.pathname === "/ready" ? 200 : 404);
}

const server = http.createServer((request, response) => {
  if (request.method !== "POST") {
    read(request, response);
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const { name, members } = JSON.parse(Buffer.concat(parts));
    store.addRoom(name, name, members);
    answer(response, { id: name }, 201);
  });
});
server.keepAliveTimeout = 60_000;
upgrades(server, { "/ws": chat(store) });
server.listen(Number(port), "127.0.0.1", 4096);
