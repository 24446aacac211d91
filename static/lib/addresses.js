/** Web addresses in a formatted text. The server finds the same ones (chatserver/formatting/addresses.py). */

import { withoutEnd } from "./linkify.js";

const ADDRESS = /https?:\/\/[^\s<>"'\x60、。「」『』（）【】]*/iy; // as in linkify.js
const HOST = /^(?:https?:\/\/(?:[^/?#]*@)?|mailto:[^@()[\]/]+@)(\[[0-9a-f:.]+\]|[^/?#@:[\]\\^|%]+)(?::[0-9]{0,5})?(?=[/?#]|$)/i;
const ENDS = ".,:;!?*_~|"; // that belong to the sentence, or are marks

/** What begins with a scheme at a place: the length of all that may belong to it, and the address, empty if it is none. */
export function addressAt(text, place) {
  ADDRESS.lastIndex = place;
  const whole = ADDRESS.exec(text)?.[0] ?? "";
  const address = withoutEnd(whole, ENDS);
  return { whole: whole.length, address: hostOf(address) ? address : "" };
}

/** The host of an address of http, https or mailto; undefined if it is none. */
export function hostOf(address) {
  return HOST.exec(address)?.[1];
}
