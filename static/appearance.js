/** Gives the page the looks that were chosen, before anything is painted; in other tabs too, when somebody chooses. */

import { chosenAppearance } from "./lib/appearance.js";
import { showAppearance } from "./lib/dom.js";

const show = () => showAppearance(chosenAppearance(() => localStorage));
show();
addEventListener("storage", show);
