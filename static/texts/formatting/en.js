/** English texts of formatted messages. */
export default {
  "format.code": "Code",
  "format.codeIn": "Code in {language}",
  "format.copy": "Copy",
  "format.copied": "Copied",
  "format.notCopied": "Could not be copied",
  "format.table": "Table",
  "format.done": "Done:",
  "format.open": "To do:",
  "format.spoiler": "Spoiler",
  "format.reveal": "Show what is hidden",
};
