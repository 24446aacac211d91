// Closes a subscription with each of the codes given, and prints who comes back: graphql-ws by itself,
// told to retry whatever it can, and the resuming client.
import { createClient } from 'graphql-ws';
import WebSocket, { WebSocketServer } from 'ws';
import { resumingClient } from './resuming.js';

const SUBSCRIPTION = 'subscription { roomEvents(roomId: "r", after: $after) { seq } }';
const RETRYING = { retryAttempts: 3, retryWait: async () => {}, shouldRetry: () => true };

async function comesBack(code, connect) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  let asked = 0;
  server.on('connection', (socket) =>
    socket.on('message', (text) => {
      const { id, type } = JSON.parse(text);
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type !== 'subscribe') return;
      asked += 1;
      if (asked === 1) socket.close(code);
      else socket.send(JSON.stringify({ id, type: 'complete' }));
    }),
  );
  const url = `ws://127.0.0.1:${server.address().port}`;
  const client = connect({ url, webSocketImpl: WebSocket });
  const payload = { query: SUBSCRIPTION, variables: { after: 0 } };
  await new Promise((resolve) =>
    client.subscribe(payload, { next() {}, error: resolve, complete: resolve }),
  );
  await client.dispose();
  server.close();
  return asked === 2;
}

for (const code of process.argv.slice(2).map(Number)) {
  const alone = await comesBack(code, (options) => createClient({ ...options, ...RETRYING }));
  const resuming = await comesBack(code, (options) =>
    resumingClient(createClient, { ...options, minDelayMs: 1, maxDelayMs: 2 }),
  );
  console.log(JSON.stringify({ code, alone, resuming }));
}
process.exit(0);
