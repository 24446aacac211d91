// Prints the text and the author's name of a message that the normalised caches of Apollo Client and
// urql (Graphcache) hold, after each way in which the message can reach them.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core/index.js';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions/index.js';
import { getMainDefinition } from '@apollo/client/utilities/index.js';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { createClient } from 'graphql-ws';
import { pipe, subscribe } from 'wonka';
import WebSocket from 'ws';

const [kind, url, token, room, message, head] = process.argv.slice(2);
const LIST = `query List($room: ID!) {
  room(id: $room) { id messages { id body author { id name } } }
}`;
const AGAIN = `mutation Again($input: SendMessageInput!) {
  sendMessage(input: $input) { repeated message { id body author { id name } } }
}`;
const EVENTS = `subscription Events($room: ID!, $after: Int) {
  roomEvents(roomId: $room, after: $after) {
    __typename
    ... on MessagePosted { seq message { id body author { id name } } }
    ... on MessageEdited { seq message { id body author { id name } } }
    ... on MemberJoined { seq }
    ... on RoomChanged { seq }
  }
}`;
const headers = { Authorization: `Bearer ${token}` };
const socket = createClient({
  url: url.replace('http', 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { token },
});

function apollo() {
  const isSubscription = ({ query }) => getMainDefinition(query).operation === 'subscription';
  const http = new HttpLink({ uri: url, headers });
  const client = new ApolloClient({
    link: ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http),
    cache: new InMemoryCache(),
  });
  return {
    load: () => client.query({ query: gql(LIST), variables: { room } }),
    cached: () => client.readQuery({ query: gql(LIST), variables: { room } }),
    send: (input) => client.mutate({ mutation: gql(AGAIN), variables: { input } }),
    subscribe: (next) =>
      client
        .subscribe({ query: gql(EVENTS), variables: { room, after: 0 } })
        .subscribe({ next: ({ data }) => next(data.roomEvents), error: fail }),
  };
}

function urql() {
  const client = new Client({
    url,
    fetchOptions: { headers: { ...headers, Accept: 'application/json' } },
    exchanges: [
      cacheExchange({}),
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
      fetchExchange,
    ],
  });
  return {
    load: () => client.query(LIST, { room }).toPromise(),
    cached: () => client.readQuery(LIST, { room }).data,
    send: (input) => client.mutation(AGAIN, { input }).toPromise(),
    subscribe: (next) =>
      pipe(
        client.subscription(EVENTS, { room, after: 0 }),
        subscribe(({ data, error }) => (error ? fail(error) : next(data.roomEvents))),
      ),
  };
}

const fail = (error) => {
  console.error(error);
  process.exit(1);
};
const client = { apollo, urql }[kind]();
const show = (step) => {
  const found = client.cached().room.messages.find(({ id }) => id === message);
  console.log(JSON.stringify({ step, body: found.body, name: found.author.name }));
};

await client.load();
show('loaded');
await new Promise((resolve) => {
  client.subscribe(({ seq, __typename }) => {
    if (seq === head - 1) show('posted');
    if (seq < head) return;
    // One turn later all of the event is in the cache.
    setTimeout(() => {
      show(seq > head ? `live ${__typename}` : 'replayed');
      if (seq > head) resolve();
    });
    if (seq === Number(head))
      client
        .send({ roomId: room, clientId: 'first', body: 'old' })
        .then(() => show('repeated'), fail);
  });
});
process.exit(0);
