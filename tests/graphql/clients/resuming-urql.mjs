// urql over the resuming client, as docs/graphql.md wires it.
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { onEnd, pipe, subscribe } from 'wonka';
import { forwardResuming, resumingClient } from './resuming.js';
import { OPTIONS, followed } from './resuming.mjs';

await followed(({ url, query, variables }) => {
  const socket = resumingClient(createClient, OPTIONS);
  const client = new Client({
    url,
    exchanges: [
      fetchExchange,
      subscriptionExchange({ forwardSubscription: forwardResuming(socket) }),
    ],
  });
  return (next, error, complete) =>
    pipe(
      client.subscription(query, variables),
      onEnd(complete),
      subscribe((result) => (result.error ? error(result.error) : next(result.data))),
    );
});
