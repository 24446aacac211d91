/** Client ids for sends, which make a repeated send recognisable, and ids of messages. No DOM. */

/** A random UUID. `crypto.randomUUID` is missing on plain http off localhost; `getRandomValues` is not. */
export function clientId(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // RFC 9562: version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // RFC 9562: variant 10
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The seq of a message, with which its id ends. */
export function seqOf(id) {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}
