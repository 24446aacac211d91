/** Style sheets of what not everybody looks at: whatever waits for one is shown with it. */

/** Resolves when the sheet is here, or cannot be loaded. It comes before those of plugins, whose rules count more. */
export function addSheet(href) {
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  const arrived = new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));
  const own = [...document.querySelectorAll('link[rel="stylesheet"]')].filter((link) => !link.getAttribute("href")?.startsWith("/plugins/"));
  own.at(-1)?.after(sheet);
  return arrived;
}
