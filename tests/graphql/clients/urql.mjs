// urql, with its exchange for subscriptions: everything by graphql-ws.
import { Client, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { pipe, subscribe } from 'wonka';
import WebSocket from 'ws';
import { EVENTS, ME, SEND, conversation } from './conversation.mjs';

await conversation(({ url, token, room, after }) => {
  const socket = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
  });
  const client = new Client({
    url,
    exchanges: [
      subscriptionExchange({
        enableAllOperations: true,
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return {
    me: async () => (await client.query(ME, {}).toPromise()).data,
    send: async (input) => (await client.mutation(SEND, { input }).toPromise()).data,
    subscribe: (next, error) =>
      pipe(
        client.subscription(EVENTS, { room, after }),
        subscribe((result) => (result.error ? error(result.error) : next(result.data.roomEvents))),
      ),
    close: () => socket.dispose(),
  };
});
