// Runs once, when the mongo container's volume is new. Makes the server's account, which may read and
// write only the server's database.
const password = require("fs").readFileSync("/run/secrets/mongo_password", "utf8");
db.getSiblingDB("chatserver").createUser({
  user: "chatserver",
  pwd: password,
  roles: [{ role: "readWrite", db: "chatserver" }],
});
