// The client graphql-sse, a connection for each operation.
import { createClient } from 'graphql-sse';
import { EVENTS, ME, SEND, conversation } from './conversation.mjs';

await conversation(({ url, token, room, after }) => {
  const client = createClient({ url, headers: { Authorization: `Bearer ${token}` } });
  const once = async (query, variables) => {
    for await (const result of client.iterate({ query, variables })) return result.data;
  };
  return {
    me: () => once(ME),
    send: (input) => once(SEND, { input }),
    subscribe: (next, error) =>
      client.subscribe(
        { query: EVENTS, variables: { room, after } },
        { next: ({ data }) => next(data.roomEvents), error, complete: () => {} },
      ),
    close: () => client.dispose(),
  };
});
