/** The style sheet of searches: whatever imports this waits for it. */

import { addSheet } from "./sheet.js";

await addSheet(new URL("../css/search.css", import.meta.url).href);

export {};
