/** Adds the texts of the pages for staff. */

import { addTexts } from "../../../lib/i18n.js";
import en from "../../../texts/staff/en.js";
import ja from "../../../texts/staff/ja.js";

addTexts({ en, ja });
