/** Requests to join private rooms: asked for in the directory, answered in the room's settings, or in a list over all rooms. */

import { TEXTS } from "./texts.js";

const DOOR = "M5 21V4h9v17M3 21h18M14 7h4v14M11 12.5h.5";

export default function begin(page) {
  page.texts(TEXTS);
  page.place("directory.parts/v1", { id: "rooms", label: () => page.t("rooms"), mount: async (element) => (await import("./asking.js")).show(page, element) });
  page.place("room.settings/v1", { id: "room", label: () => page.t("requests"), when: { kinds: ["private"], moderates: true }, mount: async (element, { room }) => (await import("./answering.js")).showRoom(page, element, room) });
  follow(page);
}

/** Counts what waits for the reader, and offers a list of it at the head of the side bar from the first one on. */
function follow(page) {
  let waiting = null; // number of requests, once it is known
  let count = null; // shows the number at the button
  let asked = 0; // an answer to anything but the last question comes too late

  async function ask() {
    const question = ++asked;
    const { requests } = await page.call("all");
    if (question !== asked) return;
    if (requests.length && !count) {
      const showCount = (show) => {
        count = show;
        show(waiting ?? 0);
      };
      page.place("side.panels/v1", { id: "all", label: () => page.t("requests"), icon: DOOR, count: showCount, mount: async (element) => (await import("./answering.js")).showAll(page, element) });
    }
    if (waiting !== null && requests.length > waiting) {
      const { user, room_name: room } = requests.reduce((newest, each) => (each.at > newest.at ? each : newest));
      page.notify({ title: page.t("oneAsks"), body: `${user.name}: ${room}` });
    }
    waiting = requests.length;
    count?.(waiting);
  }

  const again = () => void ask().catch(() => {}); // asked again with the next connection
  page.hear("changed", again);
  again();
}
