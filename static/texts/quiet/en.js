/** English texts of the mark that one is not to be disturbed. */
export default {
  "quiet.on": "Do not disturb",
  "quiet.onUntil": "Do not disturb until {time}",
};
