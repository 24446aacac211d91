/** Files of messages that were sent before the files were there: the plugin that attached them uploads them. No DOM. */

import { PASSING } from "./api.js";
import { takerOf } from "./attached.js";
import { RequestError } from "./socket.js";

/**
 * Resolves with the value that the file becomes in the data of its message. Rejects with a RequestError, `retry` "later"
 * unless the file is refused or gone. `how` goes to the plugin: `signal` ends it, `onprogress(part)` hears how far it is.
 */
export async function uploadWaiting(places, { namespace, file, alt }, how = {}) {
  if (!(file instanceof Blob)) throw refusal("blob.not_found", "There is no such file.", "never"); // it went with its tab
  const item = takerOf(places, namespace);
  if (!item?.upload) throw refusal("plugin.absent", "A plugin that guards this is not running.", "later");
  try {
    const value = await item.upload(file, how);
    return (alt && item.describe?.(value, alt)) || value;
  } catch (error) {
    if (error.code === undefined || PASSING.has(error.status)) throw refusal("blob.unavailable", "Files are not available at the moment.", "later");
    throw refusal(error.code, error.message, "never", error.detail);
  }
}

function refusal(code, message, retry, detail) {
  return new RequestError({ code, message, retry, detail });
}
