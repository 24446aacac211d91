/** What the parts are made with, and the profiles as they stand. */

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const { testid, ...others } = properties;
  const node = Object.assign(document.createElement(tag), others);
  if (testid) node.dataset.testid = testid;
  node.append(...children.filter(Boolean));
  return node;
}

/** A line that a screen reader says when it changes. */
export function line(role) {
  const node = make("p", { className: role === "alert" ? "form-error" : "muted" });
  node.role = role;
  return node;
}

/** The profile of a user (id); null if the reader may not know of them. */
export async function profileOf(page, id) {
  const { profiles } = await page.request("GET", `/api/v1/profiles?${new URLSearchParams({ users: id })}`);
  return Object.hasOwn(profiles, id) ? profiles[id] : null;
}
