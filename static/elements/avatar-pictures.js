/** Pictures of people upon their initials and of rooms upon their drawings, which are seen until one is loaded, and if it cannot be. */

import { h } from "../lib/dom.js";
import { complain } from "../lib/plugins.js";
import { drawAvatars } from "./avatar.js";

/** Asks what is in the place `avatars/v1` for the picture of everybody and every room that is shown, now and later. */
export function drawPictures(places) {
  drawAvatars((node) => {
    const found = places.in("avatars/v1").map((item) => pictureOf(item, node.dataset));
    // What is known is shown at once: a row that is made anew does not flicker.
    if (found.some((each) => each instanceof Promise)) void Promise.all(found).then((all) => show(node, all.find(Boolean)));
    else show(node, found.find(Boolean));
  });
}

/** The address, or none; a promise of it if the item has to wait. A fault is named, and the initials stay. */
function pictureOf(item, { of: id, is }) {
  const failed = (error) => complain(item.plugin, error);
  try {
    const given = is === "room" ? item.roomPicture?.({ id }) : item.picture({ id });
    return typeof given?.then === "function" ? Promise.resolve(given).catch(failed) : given;
  } catch (error) {
    return failed(error);
  }
}

function show(node, url) {
  const before = node.querySelectorAll("img");
  if (url && before[0]?.getAttribute("src") === url) return;
  const clear = () => before.forEach((each) => each.remove());
  if (!url) return clear();
  const picture = h("img", { alt: "", draggable: "false", onload: () => (clear(), picture.classList.add("loaded")), onerror: () => (clear(), picture.remove()) });
  picture.src = url;
  node.append(picture);
}
