/**
 * `node apollo.js PORT FILE`: Apollo Server and graphql-ws as their documentation shows them, on Express.
 *
 * Beside it is the chat with `ws`, which is where messages come from.
 */

import http from "node:http";

import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import { expressMiddleware } from "@as-integrations/express5";
import { makeExecutableSchema } from "@graphql-tools/schema";
import express from "express";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

import { chat, upgrades, userOf } from "./chat.js";
import { Store } from "./store.js";

const [port, file] = process.argv.slice(2);
const store = new Store(file);
const listeners = new Map();

const typeDefs = `
  type Query { room(id: ID!): Room  rooms(first: Int = 50): RoomConnection! }
  type RoomConnection { nodes: [Room!]! }
  type Room { id: ID! name: String head: Int! unread: Int! messages(last: Int = 50): [Message!]! }
  type User { id: ID! name: String! }
  type Message { id: ID! seq: Int! body: String! at: String! author: User! }
  type Subscription { roomEvents(roomId: ID!, after: Int): RoomEvent! }
  union RoomEvent = MessagePosted
  type MessagePosted { seq: Int! message: Message! }
`;
const AUTHOR = { id: "1", name: "somebody" };

function shown(message) {
  return { id: message.id, seq: message.id, body: message.body, at: message.at, author: AUTHOR };
}

/** The events of a room, each in its turn, for one subscriber. */
function events(room) {
  const queue = [];
  let wake = () => {};
  const push = (event) => {
    queue.push(event);
    wake();
  };
  if (!listeners.has(room)) listeners.set(room, new Set());
  listeners.get(room).add(push);
  return {
    async next() {
      while (!queue.length) await new Promise((resolve) => { wake = resolve; });
      return { done: false, value: queue.shift() };
    },
    async return() {
      listeners.get(room).delete(push);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const resolvers = {
  Query: {
    room: (_parent, { id }) => ({ id, name: id, head: 0, unread: 0 }),
    rooms: (_parent, { first }, { user }) => ({ nodes: store.rooms(user, first) }),
  },
  Room: { messages: (room, { last }) => store.newest(room.id, last).map(shown) },
  Subscription: { roomEvents: { subscribe: (_parent, { roomId }) => events(roomId) } },
  RoomEvent: { __resolveType: () => "MessagePosted" },
};
const schema = makeExecutableSchema({ typeDefs, resolvers });

function told(message) {
  const event = { roomEvents: { seq: message.id, message: shown(message) } };
  for (const push of listeners.get(message.room) ?? []) push(event);
}

const app = express();
const server = http.createServer(app);
const subscriptions = new WebSocketServer({ noServer: true });
useServer({ schema }, subscriptions);
upgrades(server, { "/ws": chat(store, told), "/graphql": subscriptions });

const apollo = new ApolloServer({ schema, plugins: [ApolloServerPluginDrainHttpServer({ httpServer: server })] });
await apollo.start();
app.get("/ready", (_request, response) => response.json({}));
app.post("/api/v1/rooms", express.json({ limit: "1mb" }), (request, response) => {
  const { name, members } = request.body;
  store.addRoom(name, name, members);
  response.status(201).json({ id: name });
});
app.use("/graphql", express.json(), expressMiddleware(apollo, { context: async ({ req }) => ({ user: userOf(req) }) }));
server.listen(Number(port), "127.0.0.1", 4096);
