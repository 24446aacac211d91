/** The groups of emoji, loaded when somebody chooses one. */

const LABELS = {
  en: {
    smileys: "Smileys",
    people: "People",
    nature: "Animals and nature",
    food: "Food and drink",
    travel: "Travel and places",
    activities: "Activities",
    objects: "Objects",
    symbols: "Symbols",
    flags: "Flags",
    extra: "More",
  },
  ja: {
    smileys: "顔",
    people: "人と体",
    nature: "動物と自然",
    food: "食べ物と飲み物",
    travel: "旅行と場所",
    activities: "活動",
    objects: "物",
    symbols: "記号",
    flags: "旗",
    extra: "その他",
  },
};

/** `[{label, emoji}, …]`, as the page wants them. */
export async function groups(page) {
  page.texts(LABELS);
  const answer = await page.call("groups", { language: page.language() });
  const shown = answer.groups.map(({ group, emoji }) => ({ label: page.t(group), emoji }));
  const extra = Object.entries(answer.extra).map(([name, text]) => ({ text, names: [name] }));
  return extra.length ? [...shown, { label: page.t("extra"), emoji: extra }] : shown;
}
