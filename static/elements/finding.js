/** The dialogs that find rooms and people, loaded together since they share their lists, and what a room is about. */

import { showDirectory } from "./directory-dialog.js";
import { showEverybody } from "./everybody-dialog.js";
import { showPeople } from "./people-dialog.js";
import { roomAbout } from "./room-about.js";

export const FINDING = { roomAbout, showDirectory, showEverybody, showPeople };
