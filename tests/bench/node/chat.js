/**
 * A chat with `ws` as its documentation shows it: a set of sockets for each room, and a loop that sends.
 *
 * A message is turned into JSON once. No accounts, rights, numbering or repeated sends. It speaks the part of
 * chat.v1 that the load uses, so that both servers get the same load.
 */

import { WebSocketServer } from "ws";

/** A WebSocket server without a port; `told` is called with each message. */
export function chat(store, told = () => {}) {
  const rooms = new Map();
  const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => offered.values().next().value });

  function tell(message) {
    const frame = Buffer.from(JSON.stringify({ ev: "message.posted", ...message }));
    for (const listener of rooms.get(message.room) ?? []) listener.send(frame, { binary: false });
    told(message);
  }

  server.on("connection", (socket) => {
    const mine = [];
    socket.on("message", (data) => {
      const op = JSON.parse(data);
      if (op.op === "send") {
        store.post(op.room, op.client_id, op.body, (message) => {
          tell(message);
          socket.send(JSON.stringify({ re: op.id, ok: { id: message.id } }));
        });
        return;
      }
      for (const room of Object.keys(op.rooms ?? {})) {
        if (!rooms.has(room)) rooms.set(room, new Set());
        rooms.get(room).add(socket);
        mine.push(room);
      }
      socket.send(JSON.stringify({ re: op.id, ok: {} }));
    });
    socket.on("close", () => {
      for (const room of mine) rooms.get(room).delete(socket);
    });
    socket.on("error", () => socket.terminate());
  });
  return server;
}

/** Hand a request to become a WebSocket to the server for its path. */
export function upgrades(http, servers) {
  http.on("upgrade", (request, socket, head) => {
    const server = servers[request.url.split("?")[0]];
    if (!server) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    server.handleUpgrade(request, socket, head, (opened) => server.emit("connection", opened, request));
  });
}

/** The user of a request. There are no accounts: the token is the name. */
export function userOf(request) {
  return (request.headers.authorization ?? "").replace("Bearer ", "");
}
