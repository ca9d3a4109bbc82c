#!/bin/bash
# Stops what up.sh started (by pid file, checked against the command line). usage: ./down.sh [--now] [--wipe]
#   --now kills instead of asking (the API server drains for 8-18 s)   --wipe also removes the state folder
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
sig=TERM wipe=0; for a in "$@"; do case $a in --now) sig=KILL ;; --wipe) wipe=1 ;; *) echo "unknown $a" >&2; exit 2 ;; esac; done
for n in kwok kube-scheduler kube-controller-manager kube-apiserver etcd; do
  if is_ours "$n"; then
    p=$(cat "$STATE/run/$n.pid"); kill -$sig "$p" 2>/dev/null || true
    ended "$p" 10 || kill -9 "$p" 2>/dev/null || true
    echo "stopped $n ($p)"
  fi
  rm -f "$STATE/run/$n.pid"
done
if [ $wipe = 1 ]; then
  [ -f "$STATE/.aetherius-kube" ] && rm -rf "$STATE" && echo "removed state"
fi
exit 0
