/** Theme and density, as a person chose them for all devices. css/tokens.css has what each means. No DOM. */

/** The first of each is what counts until somebody chooses. */
export const CHOICES = {
  theme: ["system", "light", "dark", "contrast"],
  density: ["comfortable", "compact"],
};

/** `{theme, density}` of AccountPreferences; anything else in them counts as none. */
export function chosenAppearance(account) {
  const valid = (name) => CHOICES[name].find((value) => value === account.get(name)) ?? CHOICES[name][0];
  return { theme: valid("theme"), density: valid("density") };
}

export function chooseAppearance(name, value, account) {
  account.set({ [name]: value === CHOICES[name][0] ? null : value });
}
