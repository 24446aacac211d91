// Apollo Client: queries and mutations by HTTP, subscriptions by its link for graphql-ws.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core/index.js';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions/index.js';
import { getMainDefinition } from '@apollo/client/utilities/index.js';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { EVENTS, ME, SEND, conversation } from './conversation.mjs';

await conversation(({ url, token, room, after }) => {
  const socket = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
  });
  const http = new HttpLink({ uri: url, headers: { Authorization: `Bearer ${token}` } });
  const isSubscription = ({ query }) => getMainDefinition(query).operation === 'subscription';
  const client = new ApolloClient({
    link: ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http),
    cache: new InMemoryCache(),
  });
  return {
    me: async () => (await client.query({ query: gql(ME) })).data,
    send: async (input) =>
      (await client.mutate({ mutation: gql(SEND), variables: { input } })).data,
    subscribe: (next, error) =>
      client
        .subscribe({ query: gql(EVENTS), variables: { room, after } })
        .subscribe({ next: ({ data }) => next(data.roomEvents), error }),
    close: () => socket.dispose(),
  };
});
