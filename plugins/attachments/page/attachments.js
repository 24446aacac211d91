/** Files of messages: pictures are shown, others are links. */

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
  if (PICTURES.has(kind)) {
    link.append(Object.assign(document.createElement("img"), { src: href, alt: name, loading: "lazy" }));
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
