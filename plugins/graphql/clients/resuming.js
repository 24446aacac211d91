/**
 * A client of graphql-ws whose subscriptions to rooms resume where they were: after a lost connection no
 * event is repeated and none is missing. It has no dependencies of its own. Types: resuming.d.ts.
 *
 * Apollo Client:  const link = resumingLink(GraphQLWsLink, createClient, { url, connectionParams });
 * urql:           const client = resumingClient(createClient, { url, connectionParams });
 *                 subscriptionExchange({ forwardSubscription: forwardResuming(client) });
 */

const MIN_DELAY_MS = 500; // before the first retry; doubles with each further one
const MAX_DELAY_MS = 30_000; // so that after any outage the server is found within half a minute
const KEEP_ALIVE_MS = 10_000; // pings detect a dead connection
const BEYOND_ANY_HEAD = 2 ** 31 - 1;

/** Close codes after which no retry can help: a mistake of the client, or no session. */
export const FATAL = new Set([
  1002, 1003, 1007, 1009, 4004, 4005, 4400, 4401, 4403, 4406, 4409, 4429,
]);
/** Codes from 4450 on are final, except these: an error of the server, terminate(). */
export const NOT_FATAL = new Set([4499, 4500]);

/** Whether to retry after a close with this code. */
export function mayRetry(code) {
  return !FATAL.has(code) && (code < 4450 || NOT_FATAL.has(code));
}

/** A client like that of graphql-ws's createClient, with the same options and those in resuming.d.ts. */
export function resumingClient(createClient, options) {
  const { minDelayMs = MIN_DELAY_MS, maxDelayMs = MAX_DELAY_MS, onGap, ...theirs } = options;
  const delay = (attempt) => {
    const longest = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt, 30));
    return longest * (0.5 + Math.random() / 2);
  };
  const client = createClient({
    keepAlive: KEEP_ALIVE_MS,
    ...theirs,
    retryAttempts: Infinity,
    shouldRetry: isLost,
    retryWait: (attempt) => new Promise((resolve) => setTimeout(resolve, delay(attempt))),
  });
  const live = new Set();
  client.on('connected', (_, payload) => live.forEach((one) => one.connected(payload?.epoch)));
  const subscribe = (payload, sink) => {
    if (!isSubscription(payload.query)) return client.subscribe(payload, sink);
    const one = new Resuming(client, payload, sink, { delay, onGap });
    live.add(one);
    one.ended = () => live.delete(one);
    one.start();
    return () => one.stop();
  };
  return { ...client, subscribe, iterate: (payload) => iterate(subscribe, payload) };
}

/** Apollo Client's link for subscriptions; GraphQLWsLink is from '@apollo/client/link/subscriptions'. */
export function resumingLink(GraphQLWsLink, createClient, options) {
  return new GraphQLWsLink(resumingClient(createClient, options));
}

/** A `forwardSubscription` for urql's subscriptionExchange. */
export function forwardResuming(client) {
  return ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: client.subscribe({ query, variables }, sink) }),
  });
}

/** One subscription, over any number of connections. */
class Resuming {
  constructor(client, payload, sink, { delay, onGap }) {
    this.client = client;
    this.sink = sink;
    this.delay = delay;
    this.onGap = onGap;
    // graphql-ws sends this object, in its present state, on each new connection.
    this.payload = { ...payload, variables: { ...payload.variables } };
    this.place = placeIn(payload.query, this.payload.variables);
    this.attempt = 0;
    this.gap = null;
    this.release = () => {};
    this.isOver = false;
  }

  start() {
    if (this.place?.isUnknown()) {
      this.findHead();
      return;
    }
    this.release = this.client.subscribe(this.payload, {
      next: (result) => this.next(result),
      error: (problem) => this.failed(problem),
      complete: () => this.completed(),
    });
  }

  stop() {
    this.end();
    clearTimeout(this.timer);
    this.release();
  }

  /** Finds a seq to resume from, so that a connection lost before the first event loses no events. */
  findHead() {
    let head;
    this.release = this.client.subscribe(
      {
        query: 'query ResumeFrom($room: ID!) { room(id: $room) { head } }',
        variables: { room: this.place.room },
      },
      {
        next: ({ data }) => (head = data?.room?.head),
        error: (problem) => (isLater(problem) ? this.failed(problem) : this.begin(null)),
        complete: () => this.begin(head ?? null),
      },
    );
  }

  begin(head) {
    if (this.isOver) return;
    this.place.startsAt(head);
    this.start();
  }

  connected(epoch) {
    this.attempt = 0;
    if (epoch === undefined || this.place === null) return;
    const { variables } = this.payload;
    const name = this.place.epoch;
    const known = (name === null ? this.epoch : variables[name]) ?? epoch;
    // Seqs of another epoch are not valid: the server has to answer with a gap.
    if (known !== epoch) this.place.reset();
    this.epoch = epoch;
    if (name !== null) variables[name] = epoch;
  }

  next(result) {
    if (this.isOver) return;
    this.attempt = 0;
    if (this.place === null) {
      this.sink.next(result);
      return;
    }
    let news;
    try {
      news = this.place.take(result.data?.[this.place.key] ?? null);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (news.isKnown) return;
    if (news.gap !== undefined) {
      this.gap = news.gap;
      this.onGap?.(news.gap);
    }
    this.sink.next(result);
  }

  completed() {
    if (this.isOver) return;
    if (this.gap !== null && this.place.endsAtGaps) {
      this.gap = null;
      this.start();
      return;
    }
    this.end();
    this.sink.complete();
  }

  failed(problem) {
    if (this.isOver) return;
    this.release(); // else graphql-ws keeps the connection for it
    if (!isLater(problem)) {
      this.fail(problem);
      return;
    }
    const asked = Array.isArray(problem) ? (problem[0].extensions.after_ms ?? 0) : 0;
    this.timer = setTimeout(() => this.start(), Math.max(asked, this.delay(this.attempt++)));
  }

  fail(problem) {
    this.end();
    this.release();
    this.sink.error(problem);
  }

  end() {
    this.isOver = true;
    this.ended();
  }
}

/** The position of `roomEvents`, which ends at a gap. */
class RoomPlace {
  endsAtGaps = true;

  constructor(key, given, variables) {
    this.key = key;
    this.variables = variables;
    this.after = demandVariable('roomEvents', given, 'after');
    this.epoch = variableOf(given, 'epoch');
    const room = variableOf(given, 'roomId');
    this.room = room === null ? literalOf(given, 'roomId') : variables[room];
  }

  isUnknown() {
    return !this.isBegun && this.variables[this.after] == null && this.room != null;
  }

  startsAt(head) {
    this.isBegun = true;
    if (head !== null) this.variables[this.after] = head;
  }

  reset() {
    if (this.variables[this.after] != null) this.variables[this.after] = BEYOND_ANY_HEAD;
  }

  take(event) {
    const after = this.variables[this.after];
    if (event === null) {
      // The event could not be shown: `errors` has the reason. Seqs have no gaps.
      if (after != null) this.variables[this.after] = after + 1;
      return {};
    }
    if (isGap(event)) {
      this.variables[this.after] = demandNumber(event, 'head', 'StreamGap');
      return { gap: { roomId: this.room, head: event.head, epoch: event.epoch } };
    }
    const seq = demandNumber(event, 'seq', 'RoomLogEntry');
    if (after != null && seq <= after) return { isKnown: true };
    this.variables[this.after] = seq;
    return {};
  }
}

/** The position in each room of `roomsEvents`, which continues after a gap. */
class RoomsPlace {
  endsAtGaps = false;

  constructor(key, given, variables) {
    this.key = key;
    this.variables = variables;
    this.epoch = variableOf(given, 'epoch');
    this.name = demandVariable('roomsEvents', given, 'rooms');
    this.rooms = new Map(variables[this.name].map((room) => [room.id, { ...room }]));
    for (const { id, after } of this.rooms.values()) {
      if (after == null) throw new TypeError(`to resume, give \`after\` for room ${id}, such as its head`);
    }
    variables[this.name] = [...this.rooms.values()];
  }

  isUnknown() {
    return false;
  }

  reset() {
    for (const room of this.rooms.values()) room.after = BEYOND_ANY_HEAD;
  }

  take(event) {
    if (event === null) return {};
    if (typeof event.roomId !== 'string') {
      throw new TypeError('to resume, select roomId of every kind of event');
    }
    const room = this.rooms.get(event.roomId);
    if (isGap(event)) {
      room.after = demandNumber(event, 'head', 'StreamGap');
      return { gap: { roomId: event.roomId, head: event.head, epoch: event.epoch } };
    }
    if (event.__typename === 'RoomGone' || event.code !== undefined) {
      this.rooms.delete(event.roomId);
      this.variables[this.name] = [...this.rooms.values()];
      return {};
    }
    const seq = demandNumber(event, 'seq', 'RoomLogEntry');
    if (seq <= room.after) return { isKnown: true };
    room.after = seq;
    return {};
  }
}

/** The position after which a subscription resumes; null if it is not one to rooms. */
function placeIn(query, variables) {
  const found = /(?:(\w+)\s*:\s*)?\b(roomEvents|roomsEvents)\s*\(([^)]*)\)/.exec(query);
  if (found === null) return null;
  const [, alias, field, given] = found;
  const Place = field === 'roomEvents' ? RoomPlace : RoomsPlace;
  return new Place(alias ?? field, given, variables);
}

function variableOf(given, name) {
  return new RegExp(`\\b${name}\\s*:\\s*\\$(\\w+)`).exec(given)?.[1] ?? null;
}

function literalOf(given, name) {
  return new RegExp(`\\b${name}\\s*:\\s*"([^"\\\\]*)"`).exec(given)?.[1] ?? null;
}

function demandVariable(field, given, name) {
  const found = variableOf(given, name);
  if (found === null) {
    throw new TypeError(`${field} resumes by a variable: write ${field}(… ${name}: $${name})`);
  }
  return found;
}

function demandNumber(event, name, kind) {
  if (typeof event[name] === 'number') return event[name];
  throw new TypeError(`to resume, select ... on ${kind} { ${name} }`);
}

function isGap(event) {
  return event.__typename === 'StreamGap' || (event.seq === undefined && event.head !== undefined);
}

function isSubscription(query) {
  const plain = query.replace(/"""[^]*?"""|"(?:\\.|[^"\\])*"|#.*/g, '');
  return /(?:^|\})\s*subscription\b/.test(plain);
}

/** Whether the connection is lost or not open yet; false for errors thrown by the app's functions. */
function isLost(problem) {
  if (typeof problem?.code === 'number') return mayRetry(problem.code);
  return problem?.type === 'error' && !(problem instanceof Error);
}

/** Whether the same request may be retried later: the connection is lost, or the server says so. */
function isLater(problem) {
  return Array.isArray(problem) ? problem[0]?.extensions?.retry === 'later' : isLost(problem);
}

async function* iterate(subscribe, payload) {
  const waiting = [];
  let wake = () => {};
  const put = (item) => {
    waiting.push(item);
    wake();
  };
  const stop = subscribe(payload, {
    next: (result) => put({ result }),
    error: (error) => put({ error }),
    complete: () => put(null),
  });
  try {
    for (;;) {
      while (waiting.length === 0) await new Promise((resolve) => (wake = resolve));
      const item = waiting.shift();
      if (item === null) return;
      if ('error' in item) throw item.error;
      yield item.result;
    }
  } finally {
    stop();
  }
}
