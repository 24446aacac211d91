/** What may go wrong for a client. */

const LATER_MS = 1000; // for errors that are worth another try and do not say when

/**
 * A request that was not done, or the end of a client. `code` is the server's (docs/protocol.md), or one of
 * `connection.lost` (what was asked for may have been done, or not), `connection.refused` and `client.closed`.
 */
export class ChatError extends Error {
  /**
   * @param {{code: string, message: string, retry?: string, after_ms?: number | null, detail?: Record<string, unknown>}} error
   *   As the server says it.
   * @param {number} [close] The close code with which the server has ended the connection for good.
   */
  constructor({ code, message, retry = "never", after_ms, detail = {} }, close) {
    super(message);
    this.name = "ChatError";
    this.code = code;
    /** `never`: only a different request can succeed; `later`: the same one, after `after_ms`; `refresh`: load first. */
    this.retry = retry;
    /** @type {number | undefined} Milliseconds to wait before another try, undefined if there is no use in one. */
    this.after_ms = retry === "later" ? (after_ms ?? LATER_MS) : undefined;
    this.detail = detail;
    this.close = close;
  }
}

/** No answer came before the connection ended. */
export function lost() {
  return new ChatError({ code: "connection.lost", message: "The connection was lost.", retry: "later", after_ms: 0 });
}

export function isWorthAnotherTry(/** @type {unknown} */ error) {
  return error instanceof ChatError && error.retry === "later";
}
