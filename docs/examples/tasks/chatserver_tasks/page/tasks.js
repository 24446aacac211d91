// Tasks on the page: a button at each message, a card below those that are one, a panel in the room, and a setting.

const TICK = "M4 4h16v16H4zM8 12l3 3 5-6";

const TEXTS = {
  en: {
    make: "Make a task of it",
    tasks: "Tasks",
    open: "Task of {name}",
    done: "Done by {name}",
    show: "Show the message",
    none: "Nothing is left to do here.",
    tell: "Tell me when somebody has done one of my tasks",
    told: "{name} has done one of your tasks",
  },
  ja: {
    make: "タスクにする",
    tasks: "タスク",
    open: "{name} さんのタスク",
    done: "{name} さんが完了",
    show: "メッセージを表示",
    none: "このルームに残っているタスクはありません。",
    tell: "自分のタスクが完了したときに通知する",
    told: "{name} さんがあなたのタスクを完了しました",
  },
};

export default function begin(page) {
  page.texts(TEXTS);
  page.place("message.actions/v1", {
    id: "make",
    label: () => page.t("make"),
    icon: TICK,
    when: { lacks: "tasks" },
    run: ({ message }) => page.call("open", { room: message.room, message: message.id }),
  });
  page.place("message.data/v1", { id: "tasks", mount: (element, context) => showCard(page, element, context) });
  page.place("room.panels/v1", {
    id: "open",
    label: () => page.t("tasks"),
    icon: TICK,
    mount: (element, { room }) => showPanel(page, element, room),
  });
  page.place("settings.page/v1", { id: "wish", label: () => page.t("tasks"), mount: (element) => showSetting(page, element) });
  page.follow("changed", (told) => tell(page, told));
}

/** The card is made anew whenever the data of its message changes. */
function showCard(page, element, { message, data }) {
  const { by, done_by: doneBy } = data;
  const text = doneBy ? page.t("done", { name: doneBy.name }) : page.t("open", { name: by.name });
  element.append(checkbox(page, text, Boolean(doneBy), (wanted) => setDone(page, message.room, message.id, wanted)));
  element.classList.add("tasks-card");
}

async function showPanel(page, element, room) {
  element.classList.add("tasks-panel");
  let latest = 0;
  const load = async () => {
    latest += 1;
    const mine = latest;
    const { tasks } = await page.call("list", { room });
    if (mine !== latest) return; // a newer list is on its way
    const rows = tasks.map(({ message, seq, text, by }) => {
      const row = document.createElement("li");
      const label = checkbox(page, text, false, (done) => setDone(page, room, message, done));
      const author = Object.assign(document.createElement("small"), { textContent: page.t("open", { name: by }) });
      const show = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: page.t("show") });
      show.addEventListener("click", () => page.show(room, seq));
      row.append(label, author, " ", show);
      return row;
    });
    const list = document.createElement("ul");
    list.append(...rows);
    element.replaceChildren(rows.length ? list : page.t("none"));
  };
  const end = page.follow("changed", (told) => told.room === room && load());
  try {
    await load();
  } catch (error) {
    end();
    throw error; // the page shows it, with a button to try again
  }
  return end;
}

async function showSetting(page, element) {
  const { wanted } = await page.call("tell");
  element.append(checkbox(page, page.t("tell"), wanted, (on) => page.call("tell", { wanted: on })));
}

/** A notification for who made the task, if they want one. */
async function tell(page, { room, missed, author, payload }) {
  if (missed || payload.open || payload.by !== page.me().id || author.id === page.me().id) return;
  const { wanted } = await page.call("tell");
  if (wanted) await page.notify({ title: page.t("told", { name: author.name }), body: page.room(room)?.name ?? "", room });
}

function setDone(page, room, message, done) {
  return page.call(done ? "done" : "open", { room, message });
}

/** A checkbox with its text. If `change` is refused, it goes back and says why. */
function checkbox(page, text, checked, change) {
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked });
  const fault = Object.assign(document.createElement("span"), { className: "tasks-fault" });
  fault.setAttribute("role", "alert");
  box.addEventListener("change", async () => {
    fault.textContent = "";
    try {
      await change(box.checked);
    } catch (error) {
      box.checked = !box.checked;
      fault.textContent = page.errorText(error);
    }
  });
  const label = document.createElement("label");
  label.className = "tasks-label";
  const words = Object.assign(document.createElement("span"), { textContent: text, dir: "auto" });
  label.append(box, words, fault);
  return label;
}
