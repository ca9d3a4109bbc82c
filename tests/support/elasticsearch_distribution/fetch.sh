#!/usr/bin/env bash
# Fetches a genuine Elasticsearch 9 with Maven (about 132 MB, once) into $AETHERIUS_TEST_BIN and prints its folder. It can be repeated; the archive is pinned by its SHA-256.
# It is the distribution that Elasticsearch's own integration tests use: the server without the modules that are sold. For tests only, never shipped.
# env:   AETHERIUS_TEST_BIN   where test servers lie
set -euo pipefail
VERSION=9.5.3
SHA256=bec49f3b8d00e75c8d1cec85c35298635ec9fbd3ae80ef5aeb6bc05abdb3db2d
BIN=${AETHERIUS_TEST_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/aetherius/bin}
NAME=elasticsearch-$VERSION
[ "${1:-}" != --where ] || { echo "$BIN/$NAME"; exit 0; }
if [ -x "$BIN/$NAME/bin/elasticsearch" ]; then echo "$BIN/$NAME"; exit 0; fi
command -v mvn >/dev/null || { echo "needs Maven (mvn), once, to fetch the distribution" >&2; exit 2; }
umask 022
mkdir -p "$BIN"
exec 9>"$BIN/.lock-elasticsearch"; flock 9
[ ! -x "$BIN/$NAME/bin/elasticsearch" ] || { echo "$BIN/$NAME"; exit 0; }
new=$(mktemp -d "$BIN/.elasticsearch-XXXXXX"); trap 'rm -rf "$new"' EXIT
echo "fetching $NAME (about 132 MB)" >&2
mvn -q -B -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
  "-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$VERSION:zip" "-DoutputDirectory=$new" >"$new/mvn.log" 2>&1 ||
  { tail -n 5 "$new/mvn.log" >&2; echo "Maven could not fetch $NAME" >&2; exit 1; }
echo "$SHA256  $new/$NAME.zip" | sha256sum -c --quiet - || { echo "the archive is not the one that was checked" >&2; exit 1; }
(cd "$new" && python3 -m zipfile -e "$NAME.zip" .)
chmod -R u=rwX,go=rX "$new/$NAME"
chmod a+rx "$new/$NAME"/bin/*
mv -T "$new/$NAME" "$BIN/$NAME"
echo "$BIN/$NAME"
