/** The style sheet of the settings, which few open: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/settings.css", import.meta.url).href);

export {};
