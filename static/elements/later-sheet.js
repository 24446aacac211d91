/** The style sheet of dialogs and panels that few open: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/later.css", import.meta.url).href);

export {};
