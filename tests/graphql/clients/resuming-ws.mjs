// The resuming client by itself.
import { createClient } from 'graphql-ws';
import { resumingClient } from './resuming.js';
import { OPTIONS, followed } from './resuming.mjs';

await followed(({ query, variables }) => {
  const client = resumingClient(createClient, OPTIONS);
  return (next, error, complete) =>
    client.subscribe(
      { query, variables },
      { next: ({ data }) => next(data), error, complete },
    );
});
