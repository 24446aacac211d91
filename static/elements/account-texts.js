/** The texts of ways to sign in: imported by the sign-in and the settings that need them. */

import { addTexts } from "../lib/i18n.js";
import en from "../texts/account/en.js";
import ja from "../texts/account/ja.js";

addTexts({ en, ja });
