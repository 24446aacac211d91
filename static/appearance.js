/** Gives the page the looks that were chosen by who was here last, before anything is painted. */

import { AccountPreferences } from "./lib/account-preferences.js";
import { chosenAppearance } from "./lib/appearance.js";
import { storage } from "./lib/device.js";
import { showAppearance } from "./lib/dom.js";

showAppearance(chosenAppearance(new AccountPreferences({ storage: storage("localStorage") })));
