/** Adds the texts of formatted messages. */

import { addTexts } from "../lib/i18n.js";
import en from "../texts/formatting/en.js";
import ja from "../texts/formatting/ja.js";

addTexts({ en, ja });
