/** Secrets made in the browser. No DOM. */

const BYTES = 32;

/** A new secret of 64 hexadecimal digits. */
export function newSecret() {
  return hex(crypto.getRandomValues(new Uint8Array(BYTES)));
}

/** The SHA-256 of a text, in hexadecimal digits. Browsers have it on https and loopback only: see `canHash`. */
export async function sha256(text) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

export function canHash() {
  return crypto.subtle !== undefined;
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
