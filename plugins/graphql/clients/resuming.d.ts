import type { Client, ClientOptions, ExecutionResult, Sink } from 'graphql-ws';

/** What could not be served: load what is there now. The subscription goes on after `head` by itself. */
export interface Gap {
  roomId: string | undefined;
  head: number;
  /** Where the subscription selects it. */
  epoch: string | undefined;
}

export interface ResumingOptions
  extends Omit<ClientOptions, 'retryAttempts' | 'retryWait' | 'shouldRetry'> {
  /** Before the first try again; 500. Each further one waits twice as long, with jitter. */
  minDelayMs?: number;
  /** The longest wait; 30000. */
  maxDelayMs?: number;
  /** Called for each StreamGap, before the subscription is handed it. */
  onGap?: (gap: Gap) => void;
}

export type CreateClient = (options: ClientOptions) => Client;

/** Close codes after which no further try can help. */
export const FATAL: ReadonlySet<number>;
/** Codes from 4450 on that may be tried again. */
export const NOT_FATAL: ReadonlySet<number>;
/** Whether a connection that was closed with this code may be tried again. */
export function mayRetry(code: number): boolean;

/** A client like createClient's of graphql-ws, whose subscriptions go on where they were. */
export function resumingClient(createClient: CreateClient, options: ResumingOptions): Client;

/** Apollo Client's link for subscriptions: GraphQLWsLink over a resumingClient. */
export function resumingLink<Link>(
  GraphQLWsLink: new (client: Client) => Link,
  createClient: CreateClient,
  options: ResumingOptions,
): Link;

/** What urql's subscriptionExchange takes as forwardSubscription. */
export function forwardResuming(client: Client): (request: {
  query?: string;
  variables?: Record<string, unknown>;
}) => {
  subscribe(sink: Sink<ExecutionResult>): { unsubscribe(): void };
};
