/** Adds the texts of the settings of rooms. */

import { addTexts } from "../../lib/i18n.js";
import en from "../../texts/room/en.js";
import ja from "../../texts/room/ja.js";

addTexts({ en, ja });
