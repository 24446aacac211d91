/** The HTTP calls the page makes: accounts, and those of plugins. Everything in a room goes over the WebSocket. */

import { currentLanguage } from "./i18n.js";

const ME_MS = 15_000; // for an answer that the page waits for

export const PASSING = new Set([0, 423, 429, 500, 502, 503, 504]); // statuses after which a later try may succeed

/** An answer that says no, or none at all (`status` 0, code "connection.lost"). */
export class ApiError extends Error {
  constructor(status, code, message, detail) {
    super(message);
    this.detail = detail;
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

export class Api {
  #fetch;

  constructor(fetch = (path, options) => globalThis.fetch(path, options)) {
    this.#fetch = fetch;
  }

  /** The signed-in user, or null. The page waits for this, so an answer that takes too long is none. */
  async me() {
    try {
      return await this.#call("GET", "/api/v1/me", undefined, AbortSignal.timeout(ME_MS));
    } catch (error) {
      if (error.status === 401) return null;
      throw error;
    }
  }

  /** The first page of my rooms, `{rooms, after?}`, as the `rooms` operation answers. */
  rooms() {
    return this.#call("GET", "/api/v1/rooms");
  }

  /** Makes an account; signs it in too, as `login` does: the answer sets the cookie. */
  async register({ username, password, name }) {
    const account = name ? { username, password, name } : { username, password };
    return (await this.#call("POST", "/api/v1/register", account)).user;
  }

  async login({ username, password }) {
    return (await this.#call("POST", "/api/v1/login", { username, password })).user;
  }

  /** The ways to sign in besides the password; for the purpose "link", those that an account can add. */
  async loginMethods(purpose = "sign_in") {
    const { methods } = await this.#call("GET", `/api/v1/login/methods?purpose=${encodeURIComponent(purpose)}`);
    return methods.filter(({ name }) => name !== "password");
  }

  /** The first step of a method, `{flow, method, step}`. */
  loginBegin(body) {
    return this.#call("POST", "/api/v1/login/begin", body);
  }

  /** The next step; or `{user}`, who is signed in; or `{done}`, the purpose. Without an answer: the same step again. */
  loginProceed(body) {
    return this.#call("POST", "/api/v1/login/proceed", body);
  }

  /** One's own sessions. */
  async sessions() {
    return (await this.#call("GET", "/api/v1/me/sessions")).sessions;
  }

  async endSession(id) {
    await this.#call("DELETE", `/api/v1/me/sessions/${encodeURIComponent(id)}`);
  }

  async changePassword({ old, new: chosen }) {
    await this.#call("PUT", "/api/v1/me/password", { old, new: chosen });
  }

  /** One's linked ways to sign in, `{identities, has_password}`. */
  identities() {
    return this.#call("GET", "/api/v1/me/identities");
  }

  async unlink(id) {
    await this.#call("DELETE", `/api/v1/me/identities/${encodeURIComponent(id)}`);
  }

  /** The signed-in user, with the new shown name. */
  changeName(name) {
    return this.#call("PATCH", "/api/v1/me", { name });
  }

  /** One's own e-mail address, `{email, pending}`. */
  email() {
    return this.#call("GET", "/api/v1/me/email");
  }

  /** Has a link sent to an address, by which it becomes one's own; null removes it. */
  setEmail(email) {
    return this.#call("PUT", "/api/v1/me/email", { email });
  }

  async confirmEmail(code) {
    await this.#call("POST", "/api/v1/email/confirm", { code });
  }

  // -- for staff of the server

  /** Accounts, `{users, after}`; `after` is null when these are the last. */
  users(text, after) {
    return this.#call("GET", `/api/v1/admin/users?${new URLSearchParams({ text, after })}`);
  }

  /** Changes `role`, `disabled`, or both; returns the account. */
  changeUser(username, fields) {
    return this.#call("PUT", `/api/v1/users/${encodeURIComponent(username)}`, fields);
  }

  /** Makes an account for somebody: `{username, password, name, must_change}`. */
  addUser(fields) {
    return this.#call("POST", "/api/v1/users", fields);
  }

  /** Sets somebody's password: `{password, must_change}`. */
  setPasswordOf(username, fields) {
    return this.#call("PUT", `/api/v1/users/${encodeURIComponent(username)}/password`, fields);
  }

  /** A link by which somebody chooses a password, `{link, expires}`. */
  resetLink(username) {
    return this.#call("POST", `/api/v1/users/${encodeURIComponent(username)}/reset-link`, {});
  }

  /** Somebody's e-mail address, `{email, pending}`. */
  emailOf(username) {
    return this.#call("GET", `/api/v1/users/${encodeURIComponent(username)}/email`);
  }

  setEmailOf(username, email) {
    return this.#call("PUT", `/api/v1/users/${encodeURIComponent(username)}/email`, { email });
  }

  /** Somebody's sessions, as one's own. */
  async sessionsOf(username) {
    return (await this.#call("GET", `/api/v1/admin/users/${encodeURIComponent(username)}/sessions`)).sessions;
  }

  /** Ends all sessions of somebody. */
  async endSessionsOf(username) {
    await this.#call("DELETE", `/api/v1/admin/users/${encodeURIComponent(username)}/sessions`);
  }

  /** Rooms of every kind, `{rooms, after}`; `after` is null when these are the last. */
  allRooms(text, after) {
    return this.#call("GET", `/api/v1/admin/rooms?${new URLSearchParams({ text, after })}`);
  }

  /** Archives a room, so that it can only be read, or restores it. */
  archiveRoom(room, archived) {
    return this.#call("PUT", `/api/v1/rooms/${encodeURIComponent(room)}/archived`, { archived });
  }

  /** Deletes a room for good, for everybody. */
  deleteRoom(room) {
    return this.#call("DELETE", `/api/v1/rooms/${encodeURIComponent(room)}`);
  }

  /** The state of the installation, as `chatserver status --json` has it. */
  status() {
    return this.#call("GET", "/api/v1/admin/status");
  }

  /** Those that are on, configured, or claim something, and others that are installed: `{plugins, available}`. */
  plugins() {
    return this.#call("GET", "/api/v1/admin/plugins");
  }

  /** The settings of a plugin, each with its form: `{settings, fixed, is_on}`; for owners. */
  pluginSettings(name) {
    return this.#call("GET", `/api/v1/admin/plugins/${encodeURIComponent(name)}/settings`);
  }

  /** Changes settings of a plugin, and takes changes of those in `reset` back; for owners. */
  changePluginSettings(name, settings, reset) {
    return this.#call("POST", `/api/v1/plugins/${encodeURIComponent(name)}`, { do: "set", settings, reset });
  }

  /** Turns a plugin "on" or "off", or gives it its new settings ("reload"); for owners. */
  switchPlugin(name, action) {
    return this.#call("POST", `/api/v1/plugins/${encodeURIComponent(name)}`, { do: action });
  }

  async releaseClaim({ plugin, action, room }) {
    await this.#call("POST", "/api/v1/admin/claims/release", { plugin, action, room });
  }

  // -- for everybody

  /** Somebody by user name. */
  user(username) {
    return this.#call("GET", `/api/v1/users/${encodeURIComponent(username)}`);
  }

  /** One message, by its id alone; refused with 404 if there is none that one may read. */
  message(id) {
    return this.#call("GET", `/api/v1/messages/${encodeURIComponent(id)}`);
  }

  /** Ends the session; the address where the browser signs out elsewhere, if there is one. */
  async logout() {
    return (await this.#call("POST", "/api/v1/logout", {})).redirect ?? "";
  }

  /** The modules and style sheets of plugins. */
  async pageParts() {
    return (await this.#call("GET", "/api/v1/page")).parts;
  }

  /** Any address of this server, for plugins. */
  call(method, path, body) {
    if (!path.startsWith("/") || path.startsWith("//")) throw new TypeError(`${path} is no path of this server`);
    return this.#call(method, path, body);
  }

  async #call(method, path, body, signal) {
    let response;
    try {
      response = await this.#fetch(path, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        // The language of the page, which mails are written in.
        headers: { "Accept-Language": currentLanguage(), ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
        signal,
      });
    } catch {
      throw new ApiError(0, "connection.lost", "The server could not be reached.");
    }
    const answer = await response.json().catch(() => null);
    // Not a word of this server: a proxy says that it is away, or a network that one has to sign in to.
    if (answer === null && response.status !== 204) throw new ApiError(0, "connection.lost", "The server could not be reached.");
    if (response.ok) return answer ?? {};
    const { code = `http.${response.status}`, message = response.statusText, detail } = answer.error ?? {};
    throw new ApiError(response.status, code, message, detail);
  }
}
