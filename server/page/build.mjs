// Copies what the start page needs out of node_modules into assets/, each file
// also compressed, so that the server does not compress at every request.
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const from = new URL("node_modules/", import.meta.url);
const to = new URL("assets/", import.meta.url);
const files = [
  "react/umd/react.production.min.js",
  "react-dom/umd/react-dom.production.min.js",
  "graphiql/graphiql.min.js",
  "graphiql/graphiql.min.css",
];

for (const old of readdirSync(to)) {
  if (old !== ".gitkeep") rmSync(new URL(old, to));
}
for (const file of files) {
  // The source maps are not shipped, so that nobody should look for them.
  const text = readFileSync(new URL(file, from), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
  const name = file.slice(file.lastIndexOf("/") + 1);
  writeFileSync(new URL(name, to), text);
  writeFileSync(new URL(name + ".gz", to), gzipSync(text, { level: 9 }));
}
// The licences of what is shipped ask to travel with it.
const licences = ["graphiql", "react", "react-dom"].map((name) => `${name}\n\n${readFileSync(new URL(name + "/LICENSE", from), "utf8")}`);
writeFileSync(new URL("LICENSES.txt", to), licences.join("\n---\n\n"));
writeFileSync(new URL(".stamp", to), "");
