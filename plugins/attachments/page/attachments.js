/** Files of messages: pictures, sounds and films are shown, others are links. */

// Set by themselves: a sheet would cost everybody a request before the first message is read.
const LINK = { display: "inline-block", margin: "4px 0", marginInlineEnd: "8px" };
const WIDEST = 320; // pixels, and the highest
const HIGHEST = 240;
const PICTURES = /^image\/(png|jpeg|gif|webp|avif)$/;
const PLAYED = /^(video\/(mp4|webm|ogg)|audio\/(mpeg|mp4|ogg|wav|webm|aac|flac))$/;
let players = null; // the module, once it is there

export default function begin(page) {
  page.place("message.data/v1", {
    id: "attachments",
    mount(element, { message, data }) {
      const pictures = data.files.filter(({ media_type: kind = "" }) => PICTURES.test(kind));
      element.append(...data.files.map((file) => shown(page, message, file, pictures)));
    },
  });
}

function shown(page, message, file, pictures) {
  const { name = "", media_type: kind = "" } = file;
  const href = addressOf(message, file);
  const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener", className: "attachment" });
  Object.assign(link.style, LINK);
  if (PICTURES.test(kind)) {
    link.append(picture(file, href));
    link.onclick = (event) => enlarge(event, page, pictures.map((each) => ({ name: each.name ?? "", src: addressOf(message, each) })), pictures.indexOf(file));
    return link;
  }
  link.textContent = `${name || file.blob} (${sizeText(page, file.size ?? 0)})`;
  return PLAYED.test(kind) ? playable(href, kind, link, name) : link;
}

function addressOf(message, { blob }) {
  return `/${["api", "v1", "rooms", message.room, "messages", message.id, "files", blob].map(encodeURIComponent).join("/")}`;
}

/** A picture with the place that it will take, if its size is known: nothing jumps when it is there. */
function picture({ name = "", width = 0, height = 0 }, src) {
  const image = Object.assign(document.createElement("img"), { src, alt: name, loading: "lazy" });
  const known = width > 0 && height > 0;
  const shownWidth = `${Math.round(Math.min(width, WIDEST, (width / height) * HIGHEST))}px`;
  const size = known ? { width: shownWidth, aspectRatio: `${width} / ${height}`, maxWidth: "100%" } : { maxWidth: `min(100%, ${WIDEST}px)`, maxHeight: `${HIGHEST}px` };
  Object.assign(image.style, { borderRadius: "8px", ...size });
  return image;
}

/** Opens the picture above the page; with a key held, or without a network, the link does what links do. */
function enlarge(event, page, pictures, index) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { href } = event.currentTarget;
  import("./viewer.js").then(({ view }) => view(page, pictures, index), () => window.open(href, "_blank", "noopener"));
}

/** A player with its link below. The module that makes players comes with the first of them. */
function playable(href, kind, link, name) {
  const box = document.createElement("div");
  box.append(link);
  const put = () => box.prepend(players.player(href, kind, name));
  if (players) put();
  else
    void import("./players.js").then((module) => {
      players = module;
      put();
    }, () => {}); // the link is there
  return box;
}

/** A number of bytes in the reader's language. */
export function sizeText(page, size) {
  const [unit, count] = size < 1e3 ? ["byte", size] : size < 1e6 ? ["kilobyte", size / 1e3] : ["megabyte", size / 1e6];
  const unitDisplay = unit === "byte" ? "long" : "short"; // the short form is "byte" for any number
  const shape = { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(page.locale(), shape).format(count);
}
