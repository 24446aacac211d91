/** Japanese texts of the mark that one is not to be disturbed. */
export default {
  "quiet.on": "おやすみモード",
  "quiet.onUntil": "{time} までおやすみモード",
};
