/** The panel of a room's settings: its name and topic, for those who may change them, and the parts of plugins. */

import { h, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { labelOf } from "./plugin-place.js";

/** An item like those of `room.panels/v1`. `view` has `session`, `store`, `places` and `room`, the room's id. */
export function roomSettings(view) {
  return {
    id: "settings",
    key: "room-settings",
    plugin: "",
    label: () => t("room.settings"),
    icon: ICONS.gear,
    mount(element) {
      const { places } = view;
      const parts = document.createElement("div");
      const draw = () => parts.replaceChildren(...added(view));
      const onChange = ({ detail }) => detail.place === "room.settings/v1" && draw();
      places.addEventListener("change", onChange);
      draw();
      element.append(...[view.store.maySteer(view.room) && form(view), parts].filter(Boolean));
      return () => places.removeEventListener("change", onChange);
    },
  };
}

function added({ store, places, room: id }) {
  const about = { room: store.room(id), me: store.me };
  return places
    .in("room.settings/v1")
    .filter((item) => applies(item, about))
    .map((item) => {
      const label = labelOf(item);
      return h("section", { "aria-label": label }, h("h3", { dir: "auto" }, label), h("plugin-place", { item, context: Object.freeze({ room: id }) }));
    });
}

function form({ session, store, room: id }) {
  const { name, topic } = store.room(id);
  const error = h("p", { class: "form-error", role: "alert" });
  const done = h("p", { class: "muted", role: "status" });
  const field = (label, attributes) => h("label", { class: "field" }, h("span", {}, t(label)), h("input", { dir: "auto", autocomplete: "off", ...attributes }));
  const onsubmit = async (event) => {
    event.preventDefault();
    error.textContent = done.textContent = "";
    try {
      await session.change(id, Object.fromEntries(new FormData(event.target)));
      done.textContent = t("settings.saved");
    } catch (refusal) {
      error.textContent = errorText(refusal);
    }
  };
  return h(
    "form",
    { class: "stack", onsubmit: (event) => void onsubmit(event) },
    field("room.name", { name: "name", value: name, required: true, maxlength: "80", "data-testid": "room-settings-name" }),
    field("room.topic", { name: "topic", value: topic, maxlength: "1000", "data-testid": "room-settings-topic" }),
    error,
    done,
    h("div", {}, h("button", { class: "primary", "data-testid": "room-settings-save" }, t("settings.save"))),
  );
}
