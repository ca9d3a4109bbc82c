#!/usr/bin/env bash
# Installs a lock, and the project itself, into the virtual environment: with uv where that works, else with pip.
# Usage: requirements/install.sh VENV LOCK
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 lock=$2
say() { printf '\033[36m==>\033[0m %s\n' "$*"; }

# uv does not read pip's configuration: hand the index and the certificates on.
from_pip() { "$venv/bin/pip" config get "$1" 2>/dev/null || true; }
index=${PIP_INDEX_URL:-$(from_pip global.index-url)}
cert=${PIP_CERT:-$(from_pip global.cert)}
[ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
[ -z "$cert" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$cert}
export UV_LINK_MODE=${UV_LINK_MODE:-copy} UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-60} VIRTUAL_ENV=$PWD/$venv

install() { # the arguments that uv and pip share
  if [ -x "$venv/bin/uv" ]; then
    "$venv/bin/uv" pip install "$@" && return
    say "uv could not install it: trying pip"
  fi
  "$venv/bin/pip" install --disable-pip-version-check --progress-bar off --quiet "$@"
}

say "installing $lock ($(grep -c '==' "$lock") packages)"
install --require-hashes -r "$lock"
say "installing aetherius itself"
install --no-build-isolation --no-deps --editable .
