/** The rules for all code that runs in a browser, and for its unit tests. Run from the checkout's folder. */

import js from "@eslint/js";
import globals from "globals";

const MARKUP = "Text enters a page as text alone: see static/lib/dom.js.";
const forbidden = [
  ...["innerHTML", "outerHTML", "srcdoc"].map((property) => ({ property, message: MARKUP })),
  ...["insertAdjacentHTML", "createContextualFragment", "setHTMLUnsafe", "parseFromString"].map((property) => ({ property, message: MARKUP })),
  { object: "document", property: "write", message: MARKUP },
  { object: "document", property: "writeln", message: MARKUP },
];

export default [
  { ignores: ["**/node_modules/", "**/.*/", "build/", "dist/", "data/", "**/*.min.js"] },
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error", noInlineConfig: true },
    rules: {
      "no-restricted-properties": ["error", ...forbidden],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-implicit-globals": "error",
      "no-restricted-globals": ["error", "event", "name", "status", "parent", "top", "self", "length", "open", "close", "find"],
      "no-unused-vars": ["error", { args: "all", argsIgnorePattern: "^_", ignoreRestSiblings: true, caughtErrors: "all" }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-throw-literal": "error",
      "no-self-compare": "error",
      "no-unmodified-loop-condition": "error",
      "array-callback-return": "error",
      "no-template-curly-in-string": "error",
      "no-useless-return": "error",
      "object-shorthand": "error",
      "prefer-template": "error",
      "prefer-object-has-own": "error",
    },
  },
  { files: ["tests/**", "docs/examples/*.mjs", "docs/examples/remote/**"], languageOptions: { globals: globals.node }, rules: { "no-script-url": "off" } },
  // GraphiQL's script defines these.
  { files: ["plugins/graphql/page/explorer.js"], languageOptions: { globals: { GraphiQL: "readonly", React: "readonly", ReactDOM: "readonly" } } },
  { files: ["**/service-worker.js", "**/worker.js"], languageOptions: { globals: globals.serviceworker }, rules: { "no-restricted-globals": "off" } },
];
