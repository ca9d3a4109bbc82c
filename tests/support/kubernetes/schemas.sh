#!/bin/bash
# Writes simulator/schema/ anew (see schemas.py), from the Go modules that module/go.mod pins. Needs Go; grpcio-tools comes into a folder of its own.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ -z "${AETHERIUS_GO_CACHE:-}" ] || export GOMODCACHE=$AETHERIUS_GO_CACHE/mod
tools=$(mktemp -d); trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools" && "$tools/bin/pip" install --quiet grpcio-tools
folder() { (cd "$HERE/module" && go mod download -json "$1@$(go list -m -f '{{.Version}}' "$1")" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p'); }
"$tools/bin/python" "$HERE/schemas.py" "$(folder k8s.io/kubernetes)" "$(folder k8s.io/api)" "$(folder k8s.io/apimachinery)" "$HERE/../../../simulator/schema"
