/** Players of sounds and films. */

const PLAYED = /^(video\/(mp4|webm|ogg)|audio\/(mpeg|mp4|ogg|wav|webm|aac|flac))$/;
const SHAPE = { display: "block", width: "min(100%, 320px)", margin: "4px 0", borderRadius: "8px" };
let last = null; // the player that somebody started last

/** Puts a player into the box before the link, if browsers play such files. */
export function play(box, { href }, { media_type: kind, name = "" }) {
  if (PLAYED.test(kind)) box.prepend(player(new URL(href).pathname, kind, name));
}

/**
 * A player of this address. A message is drawn anew when anything of it changes, such as its reactions: what plays goes
 * on then, in the same player.
 */
function player(src, kind, name) {
  if (last?.getAttribute("src") === src) return last;
  const isFilm = kind.startsWith("video/");
  const node = document.createElement(isFilm ? "video" : "audio");
  Object.assign(node, { controls: true, preload: isFilm ? "metadata" : "none", src });
  node.setAttribute("aria-label", name);
  Object.assign(node.style, SHAPE, isFilm && { aspectRatio: "16 / 9", background: "#000" });
  node.onplay = () => {
    if (last !== node) last?.pause(); // one at a time
    last = node;
  };
  return node;
}
