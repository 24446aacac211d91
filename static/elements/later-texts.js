/** The texts of dialogs and settings that few open: imported by those. */

import { addTexts } from "../lib/i18n.js";
import en from "../texts/later/en.js";
import ja from "../texts/later/ja.js";

addTexts({ en, ja });
