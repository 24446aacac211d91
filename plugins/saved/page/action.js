/** The action of a message that saves it, or removes it from those that are saved; of several messages it saves all. */

const SAVE = { en: "Save for later", ja: "あとで見るために保存" };
const DROP = { en: "Remove from saved", ja: "保存を取り消す" };
const SAVED = { en: "Saved. The list of saved messages is in the settings.", ja: "保存しました。一覧は設定にあります。" };
const DROPPED = { en: "Removed from your saved messages.", ja: "保存を取り消しました。" };
const RIBBON = "M7 4h10v16l-5-4-5 4z";

/** `lists` are told of each change. */
export function offer(page, lists) {
  let saved = new Set(); // ids

  page.place("message.actions/v1", {
    id: "save",
    label: ({ message }) => page.said(saved.has(message.id) ? DROP : SAVE),
    icon: RIBBON,
    when: { archived: true },
    each: { label: () => page.said(SAVE), run: ({ message }) => page.call("save", { message: message.id }) },
    run: async ({ message }) => {
      const isSaved = saved.has(message.id);
      await page.call(isSaved ? "drop" : "save", { message: message.id });
      page.tellDone(page.said(isSaved ? DROPPED : SAVED));
    },
  });
  page.hear("changed", async ({ missed, payload }) => {
    if (missed) {
      const known = await page.call("ids").catch(() => null); // asked again with the next connection
      if (!known) return;
      saved = new Set(known.messages);
    } else if (payload.saved) saved.add(payload.message);
    else saved.delete(payload.message);
    page.relabel();
    for (const draw of lists) draw();
  });
}
