// The client graphql-ws. It sends the same object again after each reconnect, so that a changed
// `after` in it is where the subscription goes on.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { EVENTS, ME, SEND, conversation } from './conversation.mjs';

await conversation(({ url, token, room, after }) => {
  const client = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
    keepAlive: 500,
    shouldRetry: () => true,
    retryAttempts: 100,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 100)),
  });
  const once = async (query, variables) => {
    for await (const result of client.iterate({ query, variables })) return result.data;
  };
  return {
    me: () => once(ME),
    send: (input) => once(SEND, { input }),
    subscribe: (next, error) => {
      const variables = { room, after };
      client.subscribe(
        { query: EVENTS, variables },
        {
          next: ({ data }) => {
            variables.after = data.roomEvents.seq;
            next(data.roomEvents);
          },
          error,
          complete: () => {},
        },
      );
    },
    close: () => client.dispose(),
  };
});
