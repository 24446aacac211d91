/** Commands as one types them: `/name arguments`; a text that begins with `//` is a message with one slash. No DOM. */

export function isCommand(text) {
  return text.startsWith("/") && !text.startsWith("//");
}

/** The message that a text means. */
export function asMessage(text) {
  return text.startsWith("//") ? text.slice(1) : text;
}

/** How a message is typed. */
export function asTyped(message) {
  return message.startsWith("/") ? `/${message}` : message;
}

/** The name in a text whose arguments have begun, else null. */
export function calledName(text) {
  return /^\/(\S+)\s/.exec(text)?.[1].toLowerCase() ?? null;
}

/** Suggestions for a name that is being typed, of the commands of the room: `[{text, label, about}, …]`. */
export function suggestedNames(commands, text) {
  const typed = text.slice(1).toLowerCase();
  return commands
    .filter(({ name }) => name.startsWith(typed))
    .map(({ name, usage, about }) => ({ text: `/${name} `, label: usage, about }));
}
