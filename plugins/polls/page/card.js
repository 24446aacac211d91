/**
 * The card of a poll: its options with bars, and a form to vote by. It is drawn once and changed in place, so that what
 * others do moves neither the focus nor a choice that is not sent yet.
 */

import { make, prepared, timeText } from "./make.js";
import { voters } from "./voters.js";

const KEPT = 100; // states: a card is mounted anew whenever its row is drawn anew, and then shows what it showed
const LONGEST_MS = 2 ** 31 - 1; // of a timer
const cards = new Set();
const states = new Map(); // by message: what a card shows and asks, and a choice that is not sent yet
let number = 0;
let listening = false;

/** Shows the poll of a message; returns what ends that. */
export function show(page, element, { message, data, closed }) {
  prepared(page);
  const card = new Card(page, message.id, data, closed);
  cards.add(card);
  element.append(card.node);
  if (listening) card.ask();
  else listen(page); // which asks, too
  return () => card.end();
}

function listen(page) {
  listening = true;
  page.hear("counted", ({ missed, payload }) => {
    if (missed) for (const card of cards) card.ask();
    else for (const card of of(payload.message)) card.counted(payload);
  });
  page.hear("voted", ({ missed, payload }) => {
    if (!missed) for (const card of of(payload.message)) card.ask();
  });
}

function of(message) {
  return [...cards].filter((card) => card.message === message);
}

class Card {
  #page;
  #data;
  #isClosed; // whether nobody votes in the room any more
  #poll = null; // as the server told it last
  #asked = 0; // an answer to anything but the last question comes too late
  #timer = null;
  #isAsked = false; // whether to end it
  #state;
  #rows;
  #said;
  #fault;
  #about;
  #buttons;
  #who;

  constructor(page, message, data, closed) {
    this.message = message;
    this.#page = page;
    this.#data = data;
    this.#isClosed = closed;
    this.#state = stateOf(message);
    this.#state.card = this;
    this.#rows = data.options.map((text) => this.#row(text, `poll-${number}`));
    number += 1;
    this.#about = make("p", { className: "muted polls-about", testid: "poll-about" });
    this.#said = make("p", { className: "polls-said", role: "status", tabIndex: -1, textContent: this.#state.said, testid: "poll-said" });
    this.#fault = make("p", { className: "form-error", role: "alert", testid: "poll-fault" });
    this.#buttons = {
      vote: make("button", { className: "primary", textContent: page.t("vote"), hidden: closed, testid: "poll-vote" }),
      withdraw: this.#button("withdraw", () => this.#do(() => this.#vote([]))),
      end: this.#button("end", () => this.#sureEnd()),
    };
    this.#who = data.anonymous ? null : voters(page, message, data.options, this.#state);
    const options = this.#rows.map(({ node }) => node);
    const legend = make("legend", { dir: "auto", textContent: data.question, testid: "poll-asked" });
    const fields = make("fieldset", { className: "polls-fields" }, legend, this.#about, ...options);
    const buttons = make("div", { className: "polls-buttons" }, ...Object.values(this.#buttons));
    const onsubmit = (event) => {
      event.preventDefault();
      void this.#do(() => this.#vote(this.#chosen()));
    };
    this.node = make("form", { className: "polls-card", onsubmit, testid: "poll" }, fields, buttons, this.#fault, this.#said, this.#who);
    if (this.#state.isAsked) this.#askEnd();
    if (this.#state.poll) this.#draw(this.#state.poll);
    else this.#describe({ ...data, ended_at: null, voters: 0 }); // until the answer is there
  }

  /** Learns how the poll stands. */
  async ask() {
    const question = ++this.#asked;
    const { poll } = await this.#page.call("get", { message: this.message }).catch(() => ({})); // asked again with the next connection
    if (poll && question === this.#asked) this.#draw(poll);
  }

  /** The card in the place of this one, if its row was made anew before an answer came; it has asked for itself. */
  get #latest() {
    return this.node.isConnected ? this : this.#state.card;
  }

  /** Takes in what was told to the room. */
  counted({ at, counts, voters: count, ended_at: endedAt }) {
    if (!this.#poll) return void this.ask();
    if (at < this.#poll.at) return;
    if (endedAt && !this.#poll.ended_at) return void this.ask();
    this.#draw({ ...this.#poll, at, counts, voters: count });
  }

  end() {
    clearTimeout(this.#timer);
    cards.delete(this);
  }

  #row(text, name) {
    const input = make("input", { type: this.#data.several ? "checkbox" : "radio", name, testid: "poll-choice" });
    input.addEventListener("change", () => (this.#state.chosen = this.#chosen()));
    const bar = make("span", { className: "polls-bar" });
    const count = make("span", { className: "polls-count", testid: "poll-count" });
    const label = make("span", { className: "polls-text", dir: "auto", textContent: text });
    const node = make("label", { className: "polls-option" }, input, label, count, make("span", { className: "polls-track" }, bar));
    return { node, input, bar, count };
  }

  #button(name, onclick) {
    return make("button", { type: "button", className: "quiet", textContent: this.#page.t(name), hidden: true, onclick, testid: `poll-${name}` });
  }

  #chosen() {
    return this.#rows.flatMap(({ input }, place) => (input.checked ? [place] : []));
  }

  /** What a button does. A refusal is shown. */
  async #do(action) {
    this.#fault.textContent = "";
    try {
      await action();
    } catch (refusal) {
      this.#latest.#fault.textContent = this.#page.errorText(refusal);
      void this.ask(); // it may have ended
    }
  }

  async #vote(choices) {
    const question = ++this.#asked;
    const { poll } = await this.#page.call("vote", { message: this.message, choices });
    this.#state.chosen = null;
    if (question === this.#asked) this.#latest.#draw(poll);
    const options = choices.map((place) => this.#data.options[place]).join(", ");
    this.#latest.#say(options ? "voted" : "withdrawn", options);
  }

  /** The button asks once more before it ends the poll for all. */
  async #sureEnd() {
    if (this.#isAsked) return this.#do(async () => this.#latest.#draw((await this.#page.call("end", { message: this.message })).poll));
    this.#askEnd();
  }

  #askEnd() {
    const { end } = this.#buttons;
    this.#isAsked = this.#state.isAsked = true;
    end.textContent = this.#page.t("sureEnd");
    end.addEventListener("blur", () => this.#calmEnd(), { once: true });
  }

  #calmEnd() {
    this.#isAsked = false;
    if (this.#state.card === this) this.#state.isAsked = false; // else another one has taken its place
    this.#buttons.end.textContent = this.#page.t("end");
  }

  #draw(poll) {
    const before = this.#poll;
    const focused = this.node.contains(document.activeElement) ? document.activeElement : null;
    this.#poll = poll;
    this.#state.poll = poll;
    const canVote = poll.may_vote && !this.#isClosed;
    const chosen = (canVote && this.#state.chosen) || poll.mine;
    for (const [place, row] of this.#rows.entries()) {
      row.input.checked = chosen.includes(place);
      row.input.disabled = !canVote;
      this.#fill(row, poll, place);
    }
    const { vote, withdraw, end } = this.#buttons;
    vote.hidden = !canVote;
    withdraw.hidden = !canVote || !poll.mine.length;
    end.hidden = !poll.may_end;
    if (end.hidden) this.#calmEnd();
    this.#describe(poll);
    if (poll.ended_at && before && !before.ended_at) this.#tellResult(poll);
    if (focused?.hidden || focused?.disabled) this.#focusRest();
    this.#waitForEnd(poll);
  }

  #fill({ node, bar, count }, { counts, voters: all, ended_at: endedAt }, place) {
    const share = all ? counts[place] / all : 0;
    const percent = new Intl.NumberFormat(this.#page.locale(), { style: "percent" }).format(share);
    count.textContent = this.#page.t(counts[place] === 1 ? "votes.one" : "votes", { count: counts[place], percent });
    bar.style.inlineSize = `${share * 100}%`;
    node.classList.toggle("polls-most", Boolean(endedAt) && counts[place] > 0 && counts[place] === Math.max(...counts));
  }

  #describe({ several, anonymous, ends_at: endsAt, ended_at: endedAt, voters: count }) {
    const page = this.#page;
    const time = endedAt ?? endsAt;
    const parts = [
      !endedAt && page.t(several ? "several" : "one"),
      page.t(count === 1 ? "voters.one" : "voters", { count }),
      time && page.t(endedAt ? "ended" : "until", { time: timeText(page, time) }),
      anonymous && page.t("anonymous"),
    ];
    const text = parts.filter(Boolean).join(" · ");
    if (this.#about.textContent !== text) this.#about.textContent = text;
  }

  #tellResult({ counts }) {
    const most = Math.max(...counts);
    const options = this.#data.options.filter((_, place) => counts[place] === most).join(", ");
    this.#say(most ? "result" : "noVotes", options);
  }

  #say(key, options) {
    this.#said.textContent = this.#state.said = this.#page.t(key, { options });
  }

  /** What had the focus is gone: it stays in the card, instead of falling to the page's beginning. */
  #focusRest() {
    const { vote } = this.#buttons;
    (vote.hidden ? this.#said : vote).focus();
  }

  #waitForEnd({ ends_at: endsAt, ended_at: endedAt }) {
    clearTimeout(this.#timer);
    const left = endsAt && !endedAt ? new Date(endsAt).getTime() - Date.now() + 1000 : LONGEST_MS;
    if (left < LONGEST_MS) this.#timer = setTimeout(() => void this.ask(), Math.max(left, 1000));
  }
}

function stateOf(message) {
  const state = states.get(message) ?? { poll: null, chosen: null, said: "", isAsked: false, showsVoters: false, card: null };
  states.delete(message);
  states.set(message, state);
  if (states.size > KEPT) states.delete(states.keys().next().value);
  return state;
}
