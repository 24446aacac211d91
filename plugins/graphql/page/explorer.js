// Starts GraphiQL on the page. Whoever is signed in on the chat's page asks as that user.

/* global GraphiQL, React, ReactDOM */

const place = document.getElementById("explorer");
const FIRST = `# Whoever is signed in on the chat's page asks as that user.
# Else put {"Authorization": "Bearer TOKEN"} into Headers.

query Newest {
  me {
    name
  }
  rooms(first: 10) {
    nodes {
      id
      name
      messages(last: 5) {
        body
        author {
          name
        }
      }
    }
  }
}
`;

ReactDOM.render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: place.dataset.url }),
    defaultQuery: FIRST,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  }),
  place,
);
