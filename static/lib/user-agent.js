/** Names the program and the system of a `User-Agent` header as people know them. No DOM. */

// The first that matches counts: browsers name those that they descend from as well.
const BROWSERS = [
  ["Microsoft Edge", /\bEdg(?:e|A|iOS)?\//],
  ["Opera", /\b(?:OPR|OPiOS|Opera)\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Vivaldi", /\bVivaldi\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /\b(?:Chrome|CriOS|HeadlessChrome|Chromium)\//],
  ["Safari", /\bVersion\/[\d.]+.*\bSafari\//],
];
const SYSTEMS = [
  ["Windows", /\bWindows NT\b/],
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["Android", /\bAndroid\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["macOS", /\bMacintosh\b|\bMac OS X\b/],
  ["Linux", /\bLinux\b|\bX11\b/],
];
const PROGRAM = /^([A-Za-z][\w.-]{0,39})(?:\/\S*)?(?:\s|$)/; // the first product of RFC 9110

/**
 * `{program, system}`, such as Firefox and Windows; either is "" if the header does not tell it. Programs other
 * than browsers are named by themselves: `curl/8.5.0` is curl.
 */
export function describeAgent(agent) {
  const text = agent ?? "";
  const system = nameIn(SYSTEMS, text);
  const browser = nameIn(BROWSERS, text);
  if (browser || text.startsWith("Mozilla/")) return { program: browser, system };
  return { program: PROGRAM.exec(text)?.[1] ?? "", system };
}

function nameIn(table, text) {
  return table.find(([, pattern]) => pattern.test(text))?.[0] ?? "";
}
