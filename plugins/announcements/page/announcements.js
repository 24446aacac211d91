/** The announcement in a line above the page; what shows it is loaded when there is one. */

export default function begin(page) {
  page.place("page.lines/v1", {
    id: "line",
    mount: (element) => {
      let turn = 0; // the last one counts, whichever answer comes last
      const hear = async ({ payload }) => {
        const own = ++turn;
        const told = payload ?? (await page.call("current").catch(() => null)); // asked again with the next connection
        if (told === null) return;
        const { announcement } = told;
        const line = (announcement || element.firstChild) && (await import("./line.js"));
        if (line && own === turn) await line.show(page, element, announcement, () => void hear({}));
      };
      element.setAttribute("role", "status");
      const end = page.hear("changed", hear);
      return () => {
        turn += 1;
        end();
      };
    },
  });
}
