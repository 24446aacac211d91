// Apollo Client over the resuming link, as docs/graphql.md wires it.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core/index.js';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions/index.js';
import { getMainDefinition } from '@apollo/client/utilities/index.js';
import { createClient } from 'graphql-ws';
import { resumingLink } from './resuming.js';
import { OPTIONS, followed } from './resuming.mjs';

await followed(({ url, query, variables }) => {
  const isSubscription = (operation) =>
    getMainDefinition(operation.query).operation === 'subscription';
  const client = new ApolloClient({
    link: ApolloLink.split(
      isSubscription,
      resumingLink(GraphQLWsLink, createClient, OPTIONS),
      new HttpLink({ uri: url }),
    ),
    cache: new InMemoryCache(),
  });
  return (next, error, complete) =>
    client
      .subscribe({ query: gql(query), variables })
      .subscribe({ next: ({ data }) => next(data), error, complete });
});
