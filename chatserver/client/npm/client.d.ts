/** What `chatserver-client` offers; what goes over the wire is in types.d.ts. */

import type { ChatEvent, ErrorCode, Notice, Operations, Sent, User } from "./types.d.ts";

export type * from "./types.d.ts";

export interface Options {
  /** The server's address, such as `https://chat.example.org`. */
  url: string;
  /** Of a bot or a session. Without one, a page has the cookie of the user who is signed in. */
  token?: string;
  /** The ids of the rooms to follow; by default all that the user is in, and comes into later. */
  rooms?: Iterable<string>;
  /** Where an earlier client ended, from its `positions`, to go on there. Other rooms begin now. */
  positions?: Record<string, number>;
  /** To be given with `positions`: the `epoch` of the earlier client. */
  epoch?: string;
  /** Gets a line for people whenever there is no connection; `console.warn` by default. */
  warn?: (text: string) => void;
}

/** Events of a room cannot be had any more: those up to `head`. What is known of the room is to be loaded anew. */
export interface Gap {
  ev: "gap";
  room: string;
  head: number;
}

/** The name of an operation that a plugin brings: the plugin's name, a dot, and its own. */
export type PluginOperation = `${string}.${string}`;

type Fields<Name extends keyof Operations> = Operations[Name]["fields"];
type Given<Name extends keyof Operations> = {} extends Fields<Name> ? [fields?: Fields<Name>] : [fields: Fields<Name>];

/** One user of one server. It comes back by itself after each interruption, until it is closed or refused for good. */
export interface Chat {
  /** Whose token it is; undefined without one. */
  readonly user: User | undefined;

  /** The seq of the last event of each room that `events` has handed out, to go on there another time. */
  readonly positions: Record<string, number>;

  /** To be kept with `positions`: they mean nothing for a server with other data. */
  readonly epoch: string;

  /**
   * Events of the rooms as they happen, one's own too: in the order of each room, each once. For one reader. After a
   * long interruption a `Gap` may stand in place of events that the server cannot serve any more. If 1,000 wait to be
   * read, the rest is asked for once these are. Ends when the client is closed; throws a `ChatError` if the server will
   * not have it any more, as when its token was revoked.
   */
  events(): AsyncGenerator<ChatEvent | Gap, void, undefined>;

  /** Have a function called with what happens outside the logs, such as `typing`. Returns how to end that. */
  onNotice(listener: (notice: Notice) => void): () => void;

  /**
   * Post a message, once, whatever happens to the connection; resolves when it is stored. It is repeated under its
   * `client_id`, by default a new one, as long as the server is away or asks to wait. Rejects with a `ChatError`.
   */
  send(
    room: string,
    body: string,
    more?: Omit<Fields<"send">, "room" | "body" | "client_id"> & { client_id?: string },
  ): Promise<Sent>;

  /**
   * The answer to an operation. It waits for a connection, but is not repeated: `connection.lost` means that it may
   * have been done, or not. Rejects with a `ChatError`.
   */
  request<Name extends keyof Operations>(op: Name, ...given: Given<Name>): Promise<Operations[Name]["answer"]>;
  request(op: PluginOperation, fields?: Record<string, unknown>): Promise<unknown>;

  /** End the connection, and `events`. What still waits is rejected with `client.closed`. */
  close(): void;
}

/**
 * Connect, and resolve once that is done, however long it takes. Rejects with a `ChatError` if the server refuses,
 * and with a `TypeError` if the address is none, or the runtime has no `WebSocket`.
 */
export function connect(options: Options): Promise<Chat>;

/** A request that was not done, or the end of the client. */
export class ChatError extends Error {
  constructor(
    error: {
      code: string;
      message: string;
      retry?: string;
      after_ms?: number | null;
      detail?: Record<string, unknown>;
    },
    close?: number,
  );

  /** Stable: the server's, or `connection.lost`, `connection.refused` or `client.closed`. */
  code: ErrorCode | "connection.lost" | "connection.refused" | "client.closed" | (string & {});

  /** `never`: only a different request can succeed; `later`: the same one; `refresh`: load what is known first. */
  retry: string;

  /** Milliseconds to wait before another try, undefined if there is no use in one. */
  after_ms: number | undefined;

  /** What the server says in addition, such as `field` and `reason`. */
  detail: Record<string, unknown>;

  /** The close code (4450 and above) with which the server has ended the connection for good. */
  close: number | undefined;
}
