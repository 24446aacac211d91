/** Adds the texts of the help. */

import { addTexts } from "../../lib/i18n.js";
import en from "../../texts/help/en.js";
import ja from "../../texts/help/ja.js";

addTexts({ en, ja });
