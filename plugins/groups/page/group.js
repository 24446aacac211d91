/** One group: what it is, its members, and what the reader may do with it. */

import { button, confirmed, field, make } from "./make.js";

const SUGGEST_AFTER_MS = 200; // without a key
let count = 0; // of lists of suggestions, for their ids

/**
 * The group as an item of the list, with `members` once it is open. `attempt` runs something and says what became of it,
 * `changed` reads the list again, `left` takes the focus when what had it is gone. What has a `data-kept` is found again
 * in a list that is drawn anew, and gets the focus back.
 */
export function row(page, group, { address, isOpen, onToggle, attempt, changed, left }) {
  const { name, title, members = null, member_count: size, is_member: isMember, may_change: mayChange } = group;
  const about = [title, page.t(size === 1 ? "one" : "many", { count: size }), isMember && page.t("joined")].filter(Boolean).join(" · ");

  /** Changes something; `gone` if what had the focus goes with it. */
  const act = (method, path, body, done, gone = true) =>
    attempt(async () => {
      await page.request(method, address + path, body);
      await changed();
      if (gone) left();
      return done;
    });

  async function remove() {
    if (await confirmed(page, page.t("removeTitle", { name }), page.t("removeLead"), page.t("remove"))) await act("DELETE", "", undefined, page.t("removed", { name }));
  }

  function member(person) {
    const { id, username, name: shown } = person;
    const drop = mayChange && button(page.t("drop"), () => act("PATCH", "", { remove: [id] }, page.t("dropped", { user: shown })), { ariaLabel: `${page.t("drop")}: ${shown}` });
    return make("li", {}, make("span", { className: "groups-person" }, make("strong", { textContent: shown, dir: "auto" }), make("small", { className: "muted", textContent: `@${username}`, dir: "auto" })), drop);
  }

  function parts() {
    if (!members) return [];
    const made = page.t("by", { user: group.by.name || page.t("nobody"), time: new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(group.at)) });
    const people = make("ul", { className: "groups-members" }, ...members.map(member));
    people.setAttribute("aria-label", page.t("membersOf", { name }));
    return [
      make("p", { className: "muted", textContent: made, dir: "auto" }),
      people,
      mayChange && addition(page, name, (id, user) => act("PATCH", "", { add: [id] }, page.t("added", { user }), false), attempt),
      mayChange && titling(page, group, (text) => act("PATCH", "", { title: text }, page.t("saved"), false)),
      make("div", { className: "groups-buttons" }, isMember && button(page.t("leave"), () => act("POST", "/leave", {}, page.t("gone", { name }))), mayChange && button(page.t("remove"), remove, { ariaLabel: `${page.t("remove")}: @${name}` })),
    ];
  }

  const summary = make("summary", {}, make("strong", { textContent: `@${name}`, dir: "auto" }), make("small", { className: "muted", textContent: about, dir: "auto" }));
  summary.dataset.kept = `${name} summary`;
  const details = make("details", { open: isOpen }, summary, ...parts());
  // An element that is made open fires this, too.
  details.addEventListener("toggle", () => details.open !== isOpen && onToggle(details.open));
  return make("li", {}, details);
}

/** A form that adds somebody, whose name is suggested while it is typed. `add(id, name)` adds one. */
function addition(page, group, add, attempt) {
  const input = make("input", { name: "user", required: true, autocomplete: "off", autocapitalize: "off", spellcheck: false, placeholder: page.t("username"), ariaLabel: page.t("addTo", { name: group }), dir: "auto" });
  input.dataset.kept = `${group} add`;
  const options = make("datalist", { id: `groups-people-${++count}` });
  input.setAttribute("list", options.id);
  let timer = 0;
  input.oninput = () => {
    clearTimeout(timer);
    const text = input.value.trim().replace(/^@/, "");
    if (text) timer = setTimeout(() => void suggest(text), SUGGEST_AFTER_MS);
  };

  async function suggest(text) {
    const people = await page.findPeople(text).catch(() => []); // then one types the whole name
    options.replaceChildren(...people.map(({ username, name }) => make("option", { value: username, label: name })));
  }

  async function submit(event) {
    event.preventDefault();
    clearTimeout(timer);
    const username = input.value.trim().replace(/^@/, "");
    let person = null;
    await attempt(async () => {
      person = await page.request("GET", `/api/v1/users/${encodeURIComponent(username)}`);
    });
    if (!person) return;
    input.value = "";
    await add(person.id, person.name);
  }

  return make("form", { className: "groups-add", onsubmit: (event) => void submit(event) }, input, options, submitting(page.t("add"), input));
}

function titling(page, { name, title }, change) {
  const input = make("input", { name: "title", value: title, maxLength: 100, autocomplete: "off", dir: "auto" });
  input.dataset.kept = `${name} title`;
  const submit = (event) => {
    event.preventDefault();
    void change(input.value);
  };
  return make("form", { className: "groups-form", onsubmit: submit }, field(page.t("title"), input), make("div", {}, submitting(page.t("save"), input)));
}

/** A button that submits what is in the field, to which the focus goes when the list is drawn anew. */
function submitting(text, input) {
  const node = make("button", { className: "quiet", textContent: text });
  node.dataset.kept = input.dataset.kept;
  return node;
}
