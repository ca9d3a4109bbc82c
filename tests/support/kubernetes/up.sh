#!/bin/bash
# Starts etcd + kube-apiserver + kube-controller-manager + kube-scheduler (+ kwok when it is built). Loopback only. Idempotent.
# usage: ./up.sh            then: export KUBECONFIG="$(./up.sh --print-kubeconfig)"      stop: ./down.sh [--wipe]
# env:   AETHERIUS_TEST_BIN (binaries)  AETHERIUS_KUBE_STATE (state folder)
#        KUBE_PORT ETCD_PORT ETCD_PEER_PORT KWOK_PORT   0 or unset = a free one is chosen and kept in the state folder
#        KWOK_CONFIG (default stages.yaml)  KWOK=0 to leave kwok out  KWOK_EXEC=1 serves `kubectl exec` (runs LOCAL commands as this user)
#        APISERVER_ARGS KCM_ARGS SCHED_ARGS KWOK_ARGS ETCD_ARGS  extra flags     KUBE_KEEP=1 keeps etcd data of an earlier run
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ "${1:-}" = --print-kubeconfig ] && { echo "$STATE/kubeconfig"; exit 0; }
for b in etcd kube-apiserver kube-controller-manager kube-scheduler; do [ -x "$BIN/$b" ] || { echo "missing $BIN/$b: run build.sh" >&2; exit 2; }; done
mkdir -p "$STATE" "$STATE/run" "$STATE/log" "$STATE/pki"; touch "$STATE/.aetherius-kube"
exec 9>"$STATE/run/lock"; flock 9
K=$STATE/kubeconfig

if is_ours kube-apiserver && [ -f "$STATE/ports" ]; then
  . "$STATE/ports"
  if curl -sf -o /dev/null --cacert "$STATE/pki/ca.crt" --cert "$STATE/pki/admin.crt" --key "$STATE/pki/admin.key" "https://127.0.0.1:$KUBE_PORT/readyz"; then echo "already running"; echo "KUBECONFIG=$K"; exit 0; fi
fi
9>&- "$HERE/down.sh" >/dev/null
[ "${KUBE_KEEP:-0}" = 1 ] || rm -rf "$STATE/etcd"

# ---- ports: given > kept from an earlier run and still free > any free one
read -r KUBE_PORT ETCD_PORT ETCD_PEER_PORT KWOK_PORT < <(python3 - "$STATE/ports" "${KUBE_PORT:-0}" "${ETCD_PORT:-0}" "${ETCD_PEER_PORT:-0}" "${KWOK_PORT:-0}" <<'P'
import os, socket, sys
names = ["KUBE_PORT", "ETCD_PORT", "ETCD_PEER_PORT", "KWOK_PORT"]
kept = dict(l.strip().split("=") for l in open(sys.argv[1])) if os.path.exists(sys.argv[1]) else {}
out, hold = [], []
for n, v in zip(names, map(int, sys.argv[2:])):
    for p in ([v] if v else [int(kept.get(n, 0)), 0]):
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try: s.bind(("127.0.0.1", p))
        except OSError as e:
            if v: sys.exit(f"{n}={v}: {e}")
            continue
        hold.append(s); out.append(str(s.getsockname()[1])); break
print(*out)
P
)
[ -n "${KWOK_PORT:-}" ] || { echo "no free ports" >&2; exit 1; }
printf 'KUBE_PORT=%s\nETCD_PORT=%s\nETCD_PEER_PORT=%s\nKWOK_PORT=%s\n' "$KUBE_PORT" "$ETCD_PORT" "$ETCD_PEER_PORT" "$KWOK_PORT" >"$STATE/ports"

# ---- PKI (about 0.3 s, kept between runs; delete the folder to renew)
cd "$STATE/pki"
if [ ! -f done ]; then
  ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650)
  ca() { openssl req -x509 "${ec[@]}" -keyout "$1.key" -out "$1.crt" -subj "/CN=aetherius-test-$1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>>openssl.log; }
  leaf() { local ca=$1 n=$2 subj=$3; shift 3; openssl req -x509 "${ec[@]}" -CA "$ca.crt" -CAkey "$ca.key" -keyout "$n.key" -out "$n.crt" -subj "$subj" -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature "$@" 2>>openssl.log; }
  cl=(-addext extendedKeyUsage=clientAuth)
  ca ca; ca front-proxy-ca
  leaf ca apiserver /CN=kube-apiserver -addext extendedKeyUsage=serverAuth -addext subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  leaf ca kubelet-server /CN=fake-kubelet -addext extendedKeyUsage=serverAuth -addext subjectAltName=IP:127.0.0.1,DNS:localhost
  leaf ca kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client "${cl[@]}"
  leaf front-proxy-ca front-proxy /CN=front-proxy-client "${cl[@]}"
  leaf ca admin /O=system:masters/CN=admin "${cl[@]}"
  leaf ca kcm /O=system:masters/CN=system:kube-controller-manager "${cl[@]}"
  leaf ca sched /CN=system:kube-scheduler "${cl[@]}"
  leaf ca kwok /O=system:masters/CN=kwok "${cl[@]}"
  openssl ecparam -genkey -name prime256v1 -noout -out sa.key; openssl ec -in sa.key -pubout -out sa.pub 2>>openssl.log
  touch done
fi
kubeconfig() { # NAME FILE
  cat >"$2" <<Y
apiVersion: v1
kind: Config
clusters: [{name: aetherius-test, cluster: {server: "https://127.0.0.1:$KUBE_PORT", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: aetherius-test, context: {cluster: aetherius-test, user: $1, namespace: default}}]
current-context: aetherius-test
Y
}
kubeconfig admin "$K"; for u in kcm sched kwok; do kubeconfig $u "$STATE/$u.kubeconfig"; done
cat >"$STATE/audit-policy.yaml" <<'Y'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", kwok]}
- {level: None, nonResourceURLs: ["/readyz*", "/livez*", "/healthz*", "/version*", "/openapi*", "/api", "/apis*"]}
- {level: Metadata, verbs: [get, list, watch]}
- {level: Request}
Y

start() { # NAME ARGS...
  local n=$1; shift
  printf '%q ' "$BIN/$n" "$@" >"$STATE/run/$n.cmd" # for restart.sh
  "$BIN/$n" "$@" >"$STATE/log/$n.log" 2>&1 9>&- </dev/null &
  echo $! >"$STATE/run/$n.pid"; settled "$n"
}
fail() { echo "$1 failed; last lines of its log:" >&2; tail -15 "$STATE/log/$1.log" >&2; "$HERE/down.sh" >&2 9>&-; exit 1; }
now() { date +%s%3N; }
p=$STATE/pki; T0=$(now)
# shellcheck disable=SC2086
start etcd --name default --data-dir "$STATE/etcd" --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
  --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" --initial-cluster "default=http://127.0.0.1:$ETCD_PEER_PORT" \
  --unsafe-no-fsync --quota-backend-bytes 2147483648 --log-level warn ${ETCD_ARGS:-}
for _ in $(seq 200); do curl -sf -o /dev/null "http://127.0.0.1:$ETCD_PORT/health" && break; is_ours etcd || fail etcd; sleep .05; done
T1=$(now)
# shellcheck disable=SC2086
start kube-apiserver --etcd-servers "http://127.0.0.1:$ETCD_PORT" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$KUBE_PORT" \
  --tls-cert-file "$p/apiserver.crt" --tls-private-key-file "$p/apiserver.key" --client-ca-file "$p/ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --anonymous-auth=false \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$p/sa.pub" --service-account-signing-key-file "$p/sa.key" --service-cluster-ip-range 10.0.0.0/24 --allow-privileged \
  --kubelet-client-certificate "$p/kubelet-client.crt" --kubelet-client-key "$p/kubelet-client.key" --kubelet-certificate-authority "$p/ca.crt" --kubelet-preferred-address-types InternalIP \
  --requestheader-client-ca-file "$p/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file "$p/front-proxy.crt" --proxy-client-key-file "$p/front-proxy.key" --enable-aggregator-routing \
  --endpoint-reconciler-type none --event-ttl 1h --profiling=false --shutdown-delay-duration 0s --audit-policy-file "$STATE/audit-policy.yaml" --audit-log-path "$STATE/log/audit.log" ${APISERVER_ARGS:-}
cu() { curl -sf --cacert "$p/ca.crt" --cert "$p/admin.crt" --key "$p/admin.key" "https://127.0.0.1:$KUBE_PORT$1"; }
for _ in $(seq 1200); do cu /readyz >/dev/null 2>&1 && break; is_ours kube-apiserver || fail kube-apiserver; sleep .05; done
cu /readyz >/dev/null || fail kube-apiserver
T2=$(now)
# shellcheck disable=SC2086
start kube-controller-manager --kubeconfig "$STATE/kcm.kubeconfig" --authentication-kubeconfig "$STATE/kcm.kubeconfig" --authorization-kubeconfig "$STATE/kcm.kubeconfig" --secure-port 0 --bind-address 127.0.0.1 --leader-elect=false \
  --service-account-private-key-file "$p/sa.key" --root-ca-file "$p/ca.crt" --cluster-signing-cert-file "$p/ca.crt" --cluster-signing-key-file "$p/ca.key" \
  --controllers '*,-node-ipam-controller,-node-route-controller,-cloud-node-lifecycle-controller,-service-lb-controller' --kube-api-qps 300 --kube-api-burst 600 ${KCM_ARGS:-}
# shellcheck disable=SC2086
start kube-scheduler --kubeconfig "$STATE/sched.kubeconfig" --authentication-kubeconfig "$STATE/sched.kubeconfig" --authorization-kubeconfig "$STATE/sched.kubeconfig" --secure-port 0 --bind-address 127.0.0.1 --leader-elect=false --kube-api-qps 300 --kube-api-burst 600 ${SCHED_ARGS:-}
for _ in $(seq 400); do cu /api/v1/namespaces/default/serviceaccounts/default >/dev/null 2>&1 && break; is_ours kube-controller-manager || fail kube-controller-manager; sleep .05; done
is_ours kube-scheduler || fail kube-scheduler
T3=$(now)
if [ "${KWOK:-1}" != 0 ] && [ -x "$BIN/kwok" ]; then
  : "${KWOK_CONFIG:=$HERE/stages.yaml}"; [ -f "$KWOK_CONFIG" ] || { echo "no $KWOK_CONFIG" >&2; exit 2; }
  crds=Logs,ClusterLogs; [ "${KWOK_EXEC:-0}" = 1 ] && crds=$crds,Exec,ClusterExec
  for c in ${crds//,/ }; do # the CRDs come with the kwok module; server-side apply keeps it idempotent
    f=$BIN/kwok-crds/kwok.x-k8s.io_$(tr '[:upper:]' '[:lower:]' <<<"$c" | sed 's/logs$/logs/; s/exec$/execs/').yaml
    n=$(sed -n 's/^  name: //p' "$f" | head -1)
    curl -sf -o /dev/null -X PATCH --cacert "$p/ca.crt" --cert "$p/admin.crt" --key "$p/admin.key" -H 'Content-Type: application/apply-patch+yaml' --data-binary "@$f" "https://127.0.0.1:$KUBE_PORT/apis/apiextensions.k8s.io/v1/customresourcedefinitions/$n?fieldManager=up&force=true"
  done
  for c in ${crds//,/ }; do n=$(tr '[:upper:]' '[:lower:]' <<<"$c" | sed 's/exec$/execs/'); for _ in $(seq 200); do cu "/apis/kwok.x-k8s.io/v1alpha1/$n" >/dev/null 2>&1 && break; sleep .05; done; done
  # kwok is the kubelet of the nodes with the label type=kwok; one that also gets aetherius.test/fault=not-ready loses it at once, as if it had crashed
  # shellcheck disable=SC2086
  start kwok --kubeconfig "$STATE/kwok.kubeconfig" --config "$KWOK_CONFIG" --manage-all-nodes=false --manage-nodes-with-label-selector 'type=kwok,aetherius.test/fault!=not-ready' --enable-crds "$crds" \
    --node-ip 127.0.0.1 --node-port "$KWOK_PORT" --server-address "127.0.0.1:$KWOK_PORT" --tls-cert-file "$p/kubelet-server.crt" --tls-private-key-file "$p/kubelet-server.key" --node-lease-duration-seconds "${NODE_LEASE_S:-40}" ${KWOK_ARGS:-}
  for _ in $(seq 200); do curl -sf -o /dev/null --cacert "$p/ca.crt" "https://127.0.0.1:$KWOK_PORT/healthz" && break; is_ours kwok || fail kwok; sleep .05; done
fi
T4=$(now)
echo "etcd $((T1-T0)) ms, apiserver readyz $((T2-T1)) ms, controllers $((T3-T2)) ms, kwok $((T4-T3)) ms, in all $((T4-T0)) ms"
echo "KUBECONFIG=$K"
