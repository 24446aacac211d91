/** Shows the files of a message: pictures in their place, players of sounds and films, and links. */

import { sizeText } from "./attachments.js";

// Set by themselves: a sheet would cost everybody a request.
const LINK = { display: "inline-block", margin: "4px 0", marginInlineEnd: "8px" };
const OWN_LINE = { display: "block", width: "fit-content" }; // pictures stand side by side, names do not
const WIDEST = 320; // pixels, and the highest
const HIGHEST = 240;
export const PICTURES = /^image\/(png|jpeg|gif|webp|avif)$/;
let players = null; // the module, once it is there

export function show(page, element, { message, data }) {
  const files = data.files.map((file) => withAddresses(message, file));
  element.append(...files.map((file) => shown(page, file, files)));
}

/** The file with its `href`, and with `sources`, its thumbnails as a `srcset` has them. */
function withAddresses({ room, id, data: { thumbnails } }, file) {
  const folder = `/api/v1/rooms/${encodeURIComponent(room)}/messages/${encodeURIComponent(id)}`;
  const blob = encodeURIComponent(file.blob);
  const sizes = thumbnails?.files?.[file.blob] ?? [];
  const sources = sizes.map(({ width, height }) => `${folder}/thumbnails/${blob}/${Math.max(width, height)} ${width}w`);
  return { ...file, href: `${folder}/files/${blob}`, sources };
}

function shown(page, file, files) {
  const { blob, href, name = "", media_type: kind = "", size = 0 } = file;
  const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener", className: "attachment" });
  Object.assign(link.style, LINK);
  if (!PICTURES.test(kind)) {
    Object.assign(link.style, OWN_LINE);
    link.textContent = `${name || blob} (${sizeText(page, size)})`;
    return /^(audio|video)\//.test(kind) ? withPlayer(link, file) : link;
  }
  link.append(picture(file));
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // as with any link
    event.preventDefault();
    import("./viewer.js").then(({ view }) => view(page, files, file), () => window.open(href, "_blank", "noopener"));
  };
  return link;
}

/** With the place that it will take, if its size is known: nothing jumps when it is there. */
function picture({ href, sources, name = "", alt = "", width, height }) {
  const image = Object.assign(document.createElement("img"), { alt: alt || name, loading: "lazy" });
  const side = Math.round(Math.min(width, WIDEST, (width / height) * HIGHEST));
  const size = side ? { width: `${side}px`, aspectRatio: `${width} / ${height}`, maxWidth: "100%" } : { maxWidth: `min(100%, ${WIDEST}px)`, maxHeight: `${HIGHEST}px` };
  Object.assign(image.style, { borderRadius: "8px", ...size });
  load(image, href, sources, `${side}px`);
  return image;
}

/** Loads the thumbnail that fits the screen or, where there is none, the file. */
export function load(image, href, sources, sizes) {
  image.onerror = () => {
    image.onerror = null;
    image.removeAttribute("srcset");
    image.src = href;
  };
  if (!sources.length) image.onerror = null;
  Object.assign(image, { sizes, srcset: sources.join(", "), src: sources.length ? sources[0].split(" ")[0] : href });
}

/** The module that makes players comes with the first of them. */
function withPlayer(link, file) {
  const box = document.createElement("div");
  box.append(link);
  const put = () => players.play(box, link, file);
  if (players) put();
  else import("./players.js").then((module) => (players = module) && put(), () => {}); // the link is there
  return box;
}
