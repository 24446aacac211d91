// Follows a room and prints the seq of whatever it is handed, gaps too, until a message says "over".
import WebSocket from 'ws';

const [url, token, query, variables] = process.argv.slice(2);
const print = (line) => console.log(JSON.stringify(line));

export const OPTIONS = {
  url: url.replace('http', 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { token },
  keepAlive: 500,
  minDelayMs: 50,
  maxDelayMs: 200,
  onGap: ({ roomId, head }) => print({ gap: head, room: roomId }),
};

export async function followed(connect) {
  const follow = connect({ url, query, variables: JSON.parse(variables) });
  await new Promise((resolve) => {
    const next = (data) => {
      const [event] = Object.values(data);
      if (event.seq !== undefined) print({ seq: event.seq, room: event.roomId });
      if (event.message?.body === 'over') resolve();
    };
    const error = (problem) => {
      const closed = problem.networkError ?? problem.cause ?? problem;
      print({ error: `${closed.code ?? closed.message ?? closed[0]?.message}` });
      resolve();
    };
    follow(next, error, () => {
      print({ complete: true });
      resolve();
    });
    print({ started: true });
  });
  process.exit(0);
}
