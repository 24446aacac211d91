/** The announcement in a line above the page; what shows it is loaded when there is one. */

const ADDRESS = "/api/v1/announcement";

export default function begin(page) {
  page.place("page.lines/v1", {
    id: "line",
    mount: (element) => {
      let turn = 0; // the last one counts, whichever answer comes last
      const ask = async () => (await page.request("GET", ADDRESS)).announcement;
      const hear = async ({ payload }) => {
        const own = ++turn;
        const announcement = payload ? payload.announcement : await ask();
        const line = (announcement || element.firstChild) && (await import("./line.js"));
        if (line && own === turn) await line.show(page, element, announcement, () => hear({}));
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
