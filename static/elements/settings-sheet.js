/** The style sheet of the settings, which few open: whatever imports this waits for it. */

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("../css/settings.css", import.meta.url).href });
const arrived = new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));

// Before those of plugins, whose rules count more.
const own = [...document.querySelectorAll('link[rel="stylesheet"]')].filter((link) => !link.getAttribute("href").startsWith("/plugins/"));
own.at(-1).after(sheet);
await arrived;

export {};
