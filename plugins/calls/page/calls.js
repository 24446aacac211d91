/** A button in each room that begins a call, and a card at its message that leads there. */

const ICON = "M15 8v8H5a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1zM15 11l5-3v8l-5-3";
const TEXTS = {
  en: { begin: "Begin a call", call: "Call", join: "Join" },
  ja: { begin: "通話を始める", call: "通話", join: "参加する" },
};

export default function begin(page) {
  page.texts(TEXTS);
  page.place("room.actions/v1", {
    id: "begin",
    label: () => page.t("begin"),
    icon: ICON,
    run: ({ room }) => opened(page.call("begin", { room })),
  });
  page.place("message.data/v1", {
    id: "calls",
    mount: (element, { message, closed }) => {
      const label = make("span", { textContent: `📞 ${page.t("call")}` });
      const fault = make("span", { className: "form-error", role: "alert" });
      const join = make("button", { type: "button", className: "primary", textContent: page.t("join") });
      join.dataset.testid = "call-join";
      join.addEventListener("click", async () => {
        fault.textContent = "";
        try {
          await opened(page.call("join", { message: message.id }));
        } catch (error) {
          fault.textContent = page.errorText(error);
        }
      });
      const card = make("p", {});
      Object.assign(card.style, { display: "flex", alignItems: "center", gap: "12px" });
      card.append(label, ...(closed ? [] : [join, fault]));
      element.append(card);
    },
  });
}

/**
 * Opens a tab at the address that is being asked for. The tab is opened first, within the click: a browser takes one that
 * comes later for an advertisement.
 */
async function opened(asking) {
  const tab = window.open("", "_blank");
  try {
    const { url } = await asking;
    if (!tab) return void location.assign(url);
    tab.opener = null;
    tab.location.replace(url);
  } catch (error) {
    tab?.close();
    throw error;
  }
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
