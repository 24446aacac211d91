// The conversation of each client: it says who it is, posts a message, and prints the events that it
// gets until one says that the talk is over.
export const ME = 'query Me { me { id } }';
export const SEND = `mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) { message { seq } }
}`;
export const EVENTS = `subscription Events($room: ID!, $after: Int) {
  roomEvents(roomId: $room, after: $after) {
    __typename
    ... on RoomLogEntry { seq }
    ... on MessagePosted { message { id body } }
  }
}`;

const print = (line) => console.log(JSON.stringify(line));

export async function conversation(connect) {
  const [url, token, room, after] = process.argv.slice(2);
  const client = connect({ url, token, room, after: Number(after) });
  print({ me: (await client.me()).me.id });
  const sent = await client.send({ roomId: room, clientId: `hello ${Date.now()}`, body: 'Hello!' });
  print({ sent: sent.sendMessage.message.seq });
  await new Promise((resolve, reject) => {
    const next = (event) => {
      print({ seq: event.seq, kind: event.__typename, body: event.message?.body });
      if (event.message?.body === 'over') resolve();
    };
    client.subscribe(next, reject);
  });
  await client.close();
  process.exit(0);
}
