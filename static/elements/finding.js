/** The dialogs that find rooms and people, loaded together since they share their lists. */

import { showDirectory } from "./directory-dialog.js";
import { showPeople } from "./people-dialog.js";

export const FINDING = { showDirectory, showPeople };
