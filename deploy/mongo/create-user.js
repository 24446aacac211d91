// Runs once, when the mongo container's volume is new: the account the server signs in with, which
// may read and write its own database and nothing else.
const password = require("fs").readFileSync("/run/secrets/mongo_password", "utf8");
db.getSiblingDB("chatserver").createUser({
  user: "chatserver",
  pwd: password,
  roles: [{ role: "readWrite", db: "chatserver" }],
});
