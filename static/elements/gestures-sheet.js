/** The style sheet of what follows a finger: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/gestures.css", import.meta.url).href);

export {};
