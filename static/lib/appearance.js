/** What a person chose for the looks of the page on this device: theme and density. css/tokens.css has what each means. No DOM. */

const KEY = "appearance";

/** The first of each is what counts until somebody chooses. */
export const CHOICES = {
  theme: ["system", "light", "dark", "contrast"],
  density: ["comfortable", "compact"],
};

/** `{theme, density}`; storage that is blocked, or holds anything else, counts as none. */
export function chosenAppearance(storage) {
  const kept = read(storage);
  const valid = (name) => (CHOICES[name].includes(kept[name]) ? kept[name] : CHOICES[name][0]);
  return { theme: valid("theme"), density: valid("density") };
}

/** Keeps one choice, as long as the browser lets it be kept, and returns all. */
export function chooseAppearance(name, value, storage) {
  const chosen = { ...chosenAppearance(storage), [name]: value };
  try {
    storage().setItem(KEY, JSON.stringify(chosen));
  } catch {
    // It counts until the page is closed.
  }
  return chosen;
}

function read(storage) {
  try {
    return Object(JSON.parse(storage().getItem(KEY)));
  } catch {
    return {};
  }
}
