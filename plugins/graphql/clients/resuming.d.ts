import type { Client, ClientOptions, ExecutionResult, Sink } from 'graphql-ws';

/** Events that could not be served: load the present state. The subscription continues after `head`. */
export interface Gap {
  roomId: string | undefined;
  head: number;
  /** Set if the subscription selects it. */
  epoch: string | undefined;
}

export interface ResumingOptions
  extends Omit<ClientOptions, 'retryAttempts' | 'retryWait' | 'shouldRetry'> {
  /** Wait before the first retry; default 500. Each further wait is twice as long, with jitter. */
  minDelayMs?: number;
  /** The longest wait; default 30000. */
  maxDelayMs?: number;
  /** Called for each StreamGap, before the subscription gets it. */
  onGap?: (gap: Gap) => void;
}

export type CreateClient = (options: ClientOptions) => Client;

/** Close codes after which no retry can help. */
export const FATAL: ReadonlySet<number>;
/** Codes from 4450 on after which a retry may help. */
export const NOT_FATAL: ReadonlySet<number>;
/** Whether to retry after a close with this code. */
export function mayRetry(code: number): boolean;

/** A client like that of graphql-ws's createClient, whose subscriptions resume where they were. */
export function resumingClient(createClient: CreateClient, options: ResumingOptions): Client;

/** Apollo Client's link for subscriptions: GraphQLWsLink over a resumingClient. */
export function resumingLink<Link>(
  GraphQLWsLink: new (client: Client) => Link,
  createClient: CreateClient,
  options: ResumingOptions,
): Link;

/** The forwardSubscription for urql's subscriptionExchange. */
export function forwardResuming(client: Client): (request: {
  query?: string;
  variables?: Record<string, unknown>;
}) => {
  subscribe(sink: Sink<ExecutionResult>): { unsubscribe(): void };
};
