/** The style sheet of formatted messages: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/formatting.css", import.meta.url).href);

export {};
