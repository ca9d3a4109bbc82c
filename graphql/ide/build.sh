#!/bin/bash
# Bundle GraphiQL into this folder: graphiql.js, graphiql.css and their licences, which are committed, so that nobody needs Node to have them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: build.sh FOLDER (for what npm installs)}
command -v npm > /dev/null || { echo "npm is not installed: the bundle that is committed stays as it is"; exit 1; }
mkdir -p "$work"
cd "$work"
npm install --no-audit --no-fund --silent graphiql@4.1.2 react@18 react-dom@18 graphql@16 @graphiql/toolkit esbuild
cp "$here/page.jsx" .
node_modules/.bin/esbuild page.jsx --bundle --minify --format=iife --jsx=automatic --define:process.env.NODE_ENV='"production"' \
  --legal-comments=none --metafile=meta.json --outfile=graphiql.js --log-level=warning
cp graphiql.js "$here/graphiql.js"
# The fonts in it are 350 KB: the system's will do.
perl -0pe 's/\@font-face\{.*?\}//gs' graphiql.css > "$here/graphiql.css"
node - > "$here/LICENSES.txt" <<'NODE'
const fs = require("fs"), path = require("path");
const folders = new Set(Object.keys(JSON.parse(fs.readFileSync("meta.json")).inputs)
  .map((input) => (input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//) || [])[1]).filter(Boolean));
for (const folder of [...folders].sort()) {
  const about = JSON.parse(fs.readFileSync(path.join(folder, "package.json")));
  const file = fs.readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  console.log(`== ${about.name} ${about.version} (${about.license})\n`);
  if (file) console.log(fs.readFileSync(path.join(folder, file), "utf8").trim() + "\n");
}
NODE
