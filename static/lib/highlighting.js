/**
 * Code in colours: a text as pieces, each a word of the language, a comment, a string, a number, or a name. By one
 * expression a language, that goes over the text once and understands no more than that. No DOM.
 */

const C_LIKE =
  "abstract as async await bool boolean break byte case catch char class const constexpr continue crate data debugger def default defer delete do double dyn elif else enum export extends " +
  "extern false final finally float fn for foreach from fun func function go goto guard if impl implements import in inline instanceof int interface internal is lambda let long loop match mod move mut namespace " +
  "new nil not null object of open operator or override package private protected pub public range readonly record ref return sealed select self short signed sizeof static string struct " +
  "super switch template this throw throws trait true try type typedef typeof undefined union unsafe unsigned use using val var virtual void volatile when where while with yield";
const PYTHON =
  "and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield";
const RUBY = "alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield";
const SHELL = "case do done elif else esac exit export fi for function if in local read return select set shift source then unset until while";
const SQL =
  "add all alter and as asc begin between by cascade case check column commit constraint create cross database default delete desc distinct drop else end exists false foreign from full grant group having if in index inner insert into is join " +
  "key left like limit not null offset on or order outer primary references returning revoke right rollback select set table then transaction true union unique update using values view when where with";
const LUA = "and break do else elseif end false for function goto if in local nil not or repeat return then true until while";
const VALUES = "true false null yes no on off";

const END = "(?![^])"; // of the text
// Each goes on to the end of the text, or of the line, where it is not closed.
const SLASHES = String.raw`\/\/[^\n]*|\/\*[^]*?(?:\*\/|${END})`;
const HASH = String.raw`#[^\n]*`;
const QUOTED = String.raw`"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?`;
const BACKTICKS = "`(?:\\\\[^]|[^`\\\\])*`?";
const TRIPLE = String.raw`"""[^]*?(?:"""|${END})|'''[^]*?(?:'''|${END})`;
const NUMBER = String.raw`\b\d[\w.]*`;
const OTHER = String.raw`[\w.-]*[.-][\w.-]*`; // at once: to look for a name in each part of it would take long
const WORD = String.raw`[\p{L}_$@][\p{L}\p{N}_$]*`;

const FAMILIES = {
  c: made({ comment: SLASHES, string: `${QUOTED}|${BACKTICKS}`, words: C_LIKE }),
  css: made({ comment: String.raw`\/\*[^]*?(?:\*\/|${END})`, string: QUOTED, number: String.raw`#[\da-fA-F]{3,8}\b|\b\d[\w.%]*`, name: String.raw`[\w-]+(?=\s?:\s)|@[\w-]+`, other: OTHER }),
  diff: made({ added: String.raw`^\+.*`, removed: String.raw`^-.*`, comment: String.raw`^@@.*` }),
  ini: made({ comment: String.raw`[#;][^\n]*`, string: QUOTED, name: String.raw`^\s{0,8}\[[^\]\n]*\]?|^[\w.-]+(?=\s?[=:])`, words: VALUES }),
  json: made({ comment: SLASHES, name: String.raw`"(?:\\.|[^"\\\n])*"(?=\s?:)`, string: QUOTED, words: VALUES }),
  lua: made({ comment: String.raw`--[^\n]*`, string: QUOTED, words: LUA }),
  markup: made({ comment: String.raw`<!--[^]*?(?:-->|${END})`, string: QUOTED, name: String.raw`<[\/!?]?[\w:-]+|\/?>` }),
  python: made({ comment: HASH, string: `${TRIPLE}|${QUOTED}`, words: PYTHON }),
  ruby: made({ comment: HASH, string: QUOTED, words: RUBY }),
  shell: made({ comment: String.raw`(?<![^\s])${HASH}`, string: QUOTED, name: String.raw`\$\w+|\$\{[^}\n]*\}?`, words: SHELL }),
  sql: made({ comment: String.raw`--[^\n]*|\/\*[^]*?(?:\*\/|${END})`, string: QUOTED, words: SQL, ignoresCase: true }),
  yaml: made({ comment: String.raw`(?<![^\s])${HASH}`, string: QUOTED, name: String.raw`[\w.-]+(?=:(?:\s|$))`, other: OTHER, words: VALUES }),
};
const NAMES = {
  c: "c cc cpp c++ cs csharp dart go golang java javascript js jsx kotlin kt mjs objc php rs rust scala swift ts tsx typescript zig",
  css: "css less scss",
  diff: "diff patch",
  ini: "cfg conf ini properties toml",
  json: "json json5 jsonc",
  lua: "lua",
  markup: "html svg vue xml",
  python: "py python python3",
  ruby: "rb ruby",
  shell: "bash console dockerfile fish make makefile sh shell zsh",
  sql: "mysql postgres postgresql psql sql sqlite",
  yaml: "yaml yml",
};
const BY_NAME = new Map(Object.entries(NAMES).flatMap(([family, names]) => names.split(" ").map((name) => [name, FAMILIES[family]])));
const MOST_CHARS = 20_000;

/** `words` are the language's own, the others expressions of what one is called by its name. */
function made({ words = "", ignoresCase = false, ...expressions }) {
  const kinds = { ...expressions, number: expressions.number ?? NUMBER, word: WORD };
  const source = Object.entries(kinds).map(([kind, expression]) => `(?<${kind}>${expression})`).join("|");
  return { expression: new RegExp(source, "gmu"), words: new Set(words.split(" ")), ignoresCase };
}

/** Pieces of a text, `{kind, text}` in order, of which `kind` is null for what has no colour; null for languages that are not known. */
export function highlighted(text, language) {
  const known = BY_NAME.get(language.toLowerCase());
  if (!known || text.length > MOST_CHARS) return null;
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(known.expression)) {
    const kind = kindOf(match, known);
    if (!kind) continue;
    if (match.index > end) pieces.push({ kind: null, text: text.slice(end, match.index) });
    pieces.push({ kind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ kind: null, text: text.slice(end) });
  return pieces;
}

function kindOf({ groups }, { words, ignoresCase }) {
  const kind = Object.keys(groups).find((name) => groups[name] !== undefined);
  if (kind === "other") return null;
  if (kind !== "word") return kind;
  return words.has(ignoresCase ? groups.word.toLowerCase() : groups.word) ? "word" : null;
}
