/** Files of messages: pictures are shown, others are links. */

// Set by themselves: a sheet would cost everybody a request before the first message is read.
const LINK = { display: "inline-block", margin: "4px 0", marginInlineEnd: "8px" };
const PICTURE = { maxWidth: "min(100%, 320px)", maxHeight: "240px", borderRadius: "8px" };
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export default function begin(page) {
  page.place("message.data/v1", {
    id: "attachments",
    mount(element, { message, data }) {
      element.append(...data.files.map((file) => shown(page, message, file)));
    },
  });
}

function shown(page, message, { blob, name = "", media_type: kind = "", size = 0 }) {
  const path = ["api", "v1", "rooms", message.room, "messages", message.id, "files", blob].map(encodeURIComponent);
  const href = `/${path.join("/")}`;
  const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener", className: "attachment" });
  Object.assign(link.style, LINK);
  if (PICTURES.has(kind)) {
    const picture = Object.assign(document.createElement("img"), { src: href, alt: name, loading: "lazy" });
    Object.assign(picture.style, PICTURE);
    link.append(picture);
  } else {
    link.textContent = `${name || blob} (${sizeText(page, size)})`;
  }
  return link;
}

/** A number of bytes in the reader's language. */
export function sizeText(page, size) {
  const [unit, count] = size < 1e3 ? ["byte", size] : size < 1e6 ? ["kilobyte", size / 1e3] : ["megabyte", size / 1e6];
  const unitDisplay = unit === "byte" ? "long" : "short"; // the short form is "byte" for any number
  const shape = { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(page.language(), shape).format(count);
}
