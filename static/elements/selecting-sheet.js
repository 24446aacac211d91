/** The style sheet of choosing messages: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/selecting.css", import.meta.url).href);

export {};
