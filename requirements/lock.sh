#!/usr/bin/env bash
# Writes the locks anew from pyproject.toml, with hashes and without host names. Arguments go to the resolver (--upgrade).
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile() { # LOCK, then the resolver's arguments
  local lock=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
    --output-file "$lock" "$@"
  echo "$lock: $(grep -c '==' "$lock") packages"
}
compile requirements/dev.lock pyproject.toml requirements/build.in --extra dev "$@"
# The demo's packages are among the developers', with the same pins.
compile requirements/demo.lock pyproject.toml requirements/build.in --extra edge --extra server --extra embedded \
  --constraint requirements/dev.lock
compile requirements/uv.lock requirements/uv.in "$@"
