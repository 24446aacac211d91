import { DOT } from "./inside/shapes.js";

export default function begin(page) {
  let counted = 0;
  let tries = 0;
  window.everywhereUnmounted = 0;
  const button = (place, id, run, more = {}) => page.place(place, { id, label: id, icon: DOT, run, ...more });

  button("composer.buttons/v1", "smile", ({ insert }) => insert(":-)"));
  button("message.actions/v1", "mine", () => {}, { when: { own: true } });
  button("message.actions/v1", "not-mine", () => {}, { when: { own: false } });
  button("room.actions/v1", "count", async () => void (counted = await page.call("count")));
  button("room.actions/v1", "refused", () => page.call("refuse"));
  page.place("room.panels/v1", {
    id: "panel",
    label: "panel",
    icon: DOT,
    mount(element, { room }) {
      const line = document.createElement("p");
      line.className = "everywhere";
      line.textContent = `Room ${page.room(room).name} of ${page.me().name}, counted ${counted}`;
      element.append(line);
      return () => void (window.everywhereUnmounted += 1);
    },
  });
  page.place("room.panels/v1", {
    id: "faulty",
    label: "faulty",
    icon: DOT,
    mount(element) {
      tries += 1;
      if (tries === 1) throw new Error("broken on purpose");
      element.append("It works now.");
    },
  });
  page.place("account.parts/v1", {
    id: "own",
    label: "Own part",
    mount(element, { attempt }) {
      const refused = document.createElement("button");
      refused.textContent = "Try";
      refused.onclick = () => attempt(() => page.call("refuse"));
      element.append(refused);
    },
  });
  page.place("settings.page/v1", { id: "page", label: "Own page", mount: (element) => element.append("A page of everywhere") });
  window.everywhereBegun = true;
}
