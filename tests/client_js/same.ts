/** The modules offer what client.d.ts says: nothing is missing, and nothing is of another type. */

import type * as told from "../../chatserver/client/npm/client.d.ts";
import * as made from "../../chatserver/client/npm/index.js";

export const all: typeof told = made;
export const also: Record<keyof typeof made, unknown> = made satisfies Record<keyof typeof told, unknown>;
