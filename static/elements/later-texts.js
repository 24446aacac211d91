/** The texts and looks of dialogs and settings that few open: imported by those. */

import { addTexts } from "../lib/i18n.js";
import en from "../texts/later/en.js";
import ja from "../texts/later/ja.js";
import "./later-sheet.js";

addTexts({ en, ja });
