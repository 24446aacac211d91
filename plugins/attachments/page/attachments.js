/** Files of messages. What shows them comes with the first one: the first messages do not wait for it. */

const LATER_MS = 3_000; // later there may be no network
let files = null; // the module, once it is there

async function load() {
  files = await import("./files.js");
}

export default function begin(page) {
  setTimeout(() => void load().catch(() => {}), LATER_MS);
  page.place("message.data/v1", {
    id: "attachments",
    mount: (element, context) => (files ? files.show(page, element, context) : load().then(() => files.show(page, element, context))),
  });
}

/** A number of bytes in the reader's language. */
export function sizeText(page, size) {
  const [unit, count] = size < 1e3 ? ["byte", size] : size < 1e6 ? ["kilobyte", size / 1e3] : ["megabyte", size / 1e6];
  const unitDisplay = unit === "byte" ? "long" : "short"; // the short form is "byte" for any number
  const shape = { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(page.locale(), shape).format(count);
}
