/** Finds people in the directory of the server, for those whom it is for. */

export default async function begin(page) {
  const find = ({ text, after }) => page.call("people", { text, after });
  try {
    await page.call("people", { limit: 1 });
  } catch (refusal) {
    if (refusal.code === "user.forbidden") return;
  }
  page.place("people.find/v1", { id: "people", find });
}
