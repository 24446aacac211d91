/**
 * What becomes of a draft of which this device and the server may have different texts. Nothing that was written is
 * overwritten by a device that has not seen it: then each keeps its own, until the composer here is empty.
 */

export const NONE = Object.freeze({ revision: "", body: "", reply_to: null }); // where the server has no draft

/** By which texts, with the messages that they answer, are compared, so that none is kept twice; "" of none. */
export function markOf({ text, reply_to: reply }) {
  if (!text.trim()) return "";
  let [first, second] = [0x811c9dc5, 0x1b873593];
  for (const char of `${reply ?? ""}\n${text}`) {
    const code = char.codePointAt(0);
    first = Math.imul(first ^ code, 0x01000193); // FNV-1a
    second = Math.imul(second ^ code, 0x85ebca6b);
  }
  return [first, second].map((half) => (half >>> 0).toString(36)).join(".");
}

/** A draft of the server, as `markOf` takes it. */
export const asWritten = ({ body, reply_to: reply = null }) => ({ text: body, reply_to: reply });

/**
 * `local` is what is written here. `known` is what this device last knew of the server's draft: its `revision` and `mark`,
 * `tried`, the mark that it wanted to save, without an answer, and whether its author has `emptied` it here since. `remote`
 * is what the server has. `isWriting`: its author has just changed it here.
 *
 * Returns "same"; "take": the server's is put into the composer; "save": this one is saved; or "keep": both stay.
 */
export function decide({ local, known, remote, isWriting = false }) {
  const [here, there] = [markOf(local), markOf(asWritten(remote))];
  if (here === there) return "same";
  const isOwn = remote.revision === known.revision || there === known.tried; // the answer to a save may be lost
  if (isOwn) return here || known.emptied ? "save" : "take";
  if (!here || here === known.mark) return "take"; // nothing was written here since
  // Sent or removed elsewhere: what was begun here is another one. What may be a part of that one is not brought back.
  if (!there && (isWriting || (!known.mark && known.tried === null))) return "save";
  return "keep";
}
