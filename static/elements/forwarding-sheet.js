/** The style sheet of forwarding: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/forwarding.css", import.meta.url).href);

export {};
