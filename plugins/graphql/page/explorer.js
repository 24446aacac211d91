// Starts GraphiQL on the page. A user who is signed in on the chat's page is signed in here too.

const place = document.getElementById("explorer");
const FIRST = `# If you are signed in on the chat's page, you are signed in here too.
# Otherwise put {"Authorization": "Bearer TOKEN"} into Headers.

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

// Queries and mutations use HTTP; each subscription uses its own WebSocket (graphql-transport-ws).
const ask = GraphiQL.createFetcher({ url: place.dataset.url });

function fetcher(params, options = {}) {
  const operations = options.documentAST?.definitions.filter(({ kind }) => kind === "OperationDefinition") ?? [];
  const asked = operations.find(({ name }) => !params.operationName || name?.value === params.operationName);
  return asked?.operation === "subscription" ? { subscribe: (to) => listen(params, options.headers, to) } : ask(params, options);
}

function listen(params, headers, to) {
  const url = new URL(place.dataset.url, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, "graphql-transport-ws");
  const say = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ type: "connection_init", payload: { headers } });
  socket.onmessage = ({ data }) => {
    const { type, payload } = JSON.parse(data);
    if (type === "connection_ack") say({ id: "1", type: "subscribe", payload: params });
    else if (type === "ping") say({ type: "pong" });
    else if (type === "next") to.next(payload);
    else if (type === "error") to.error({ errors: payload });
    else if (type === "complete") to.complete();
  };
  socket.onclose = ({ code, reason }) => to.error(new Error(`closed with ${code}: ${reason}`));
  return {
    unsubscribe() {
      socket.onclose = null;
      socket.close(1000);
    },
  };
}

ReactDOM.render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: FIRST,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  }),
  place,
);
