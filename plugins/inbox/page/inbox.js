/**
 * A button in the side bar with the number of what is new for the reader, and the list that it opens; and one in the head
 * of each thread that follows it, or not.
 */

const LABEL = { en: "Activity", ja: "アクティビティ" };
const FOLLOW = { en: "Follow this thread", ja: "スレッドをフォロー" };
const UNFOLLOW = { en: "Stop following this thread", ja: "スレッドのフォローを解除" };
const BELL = "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4";
const PAUSE_MS = 500; // what comes in a row is asked for once

export default function begin(page) {
  let timer = null;
  let turn = 0; // the last one counts, whichever answer comes last

  async function ask(show) {
    const own = ++turn;
    const { unread } = await page.call("count").catch(() => ({})); // asked again with the next connection
    if (own === turn && unread !== undefined) show(unread);
  }

  page.place("side.panels/v1", {
    id: "list",
    label: () => page.said(LABEL),
    icon: BELL,
    count: (show) => {
      const soon = () => {
        clearTimeout(timer);
        timer = setTimeout(() => void ask(show), PAUSE_MS);
      };
      const ends = [page.hear("changed", ({ missed }) => (missed ? void ask(show) : soon())), page.onRead(soon)];
      return () => {
        clearTimeout(timer);
        for (const end of ends) end();
      };
    },
    mount: async (element, { close }) => (await import("./list.js")).show(page, element, close),
  });
  followThreads(page);
}

function followThreads(page) {
  let open = { thread: null, following: false };
  let turn = 0; // the last question counts, whichever answer comes last

  /** Learns whether a thread is followed; with `following`, has it be so, or not. */
  async function ask(thread, following = undefined) {
    const own = ++turn;
    const answer = await page.call("follow", { message: thread, following });
    if (own !== turn || open.thread !== thread || open.following === answer.following) return;
    open = { thread, following: answer.following };
    page.relabel();
  }

  page.place("thread.actions/v1", {
    id: "follow",
    icon: BELL,
    label: ({ thread }) => {
      if (open.thread !== thread) {
        open = { thread, following: false };
        ask(thread).catch(() => {}); // of one that is gone there is nothing to learn
      }
      return page.said(open.following ? UNFOLLOW : FOLLOW);
    },
    run: ({ thread }) => ask(thread, !open.following),
  });
  page.onThreadRead(({ thread, seq }) => void page.call("read", { thread, seq }).catch(() => {}));
  // Who replies follows the thread from then on; the server tells when it has seen the reply.
  page.hear("changed", () => void (open.thread && ask(open.thread).catch(() => {})));
}
