"""How long masking takes: 64 KiB of what commands print, in CPU milliseconds, and as a ratio to one plain scan for words in the same run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from aetherius.edge_agent.redaction import mask_output, mask_text

SIZE: Final = 64 * 1024
_SCAN: Final = re.compile(r"[A-Za-z0-9+/_=.~%-]{30,}+")
"""What any masking has to do at least: one pass for long words."""

_DESCRIBED: Final = """Name:             checkout-7d9f8b6c5d-x2x4z
Namespace:        shop
Priority:         0
Service Account:  checkout
Node:             ip-10-0-0-1.eu-central-1.compute.internal/10.0.0.1
Start Time:       Tue, 03 Mar 2026 10:11:12 +0000
Labels:           app.kubernetes.io/name=checkout
                  pod-template-hash=7d9f8b6c5d
Annotations:      checksum/config: 9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d
Status:           Running
IP:               10.0.3.17
Controlled By:    ReplicaSet/checkout-7d9f8b6c5d
Containers:
  app:
    Container ID:   containerd://9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d
    Image:          registry.example.com/shop/checkout:1.42.0
    Image ID:       registry.example.com/shop/checkout@sha256:9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d9b2a1c0d
    Port:           8080/TCP
    Args:
      --config=/etc/checkout/config.yaml
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
    Ready:          False
    Restart Count:  17
    Limits:
      memory:  512Mi
    Liveness:   http-get http://:8080/healthz delay=10s timeout=1s period=10s #success=1 #failure=3
    Environment:
      HTTP_PORT:    8080
      DB_PASSWORD:  <set to the key 'password' in secret 'checkout-db'>  Optional: false
      FEATURES:     fast-path,new-basket
    Mounts:
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x2x4z (ro)
Conditions:
  Type              Status
  Ready             False
Volumes:
  kube-api-access-x2x4z:
    Type:                    Projected (a volume that contains injected data from multiple sources)
    TokenExpirationSeconds:  3607
    ConfigMapName:           kube-root-ca.crt
QoS Class:                   Burstable
Events:
  Type     Reason   Age                From     Message
  ----     ------   ----               ----     -------
  Warning  BackOff  61s (x120 over 9m) kubelet  Back-off restarting failed container app in pod checkout-7d9f8b6c5d-x2x4z_shop
"""
_LOGGED: Final = """2026-03-03T10:11:12.345Z INFO  [http-nio-8080-exec-7] c.e.shop.checkout.CheckoutController : order 4711 accepted in 35 ms
2026-03-03T10:11:12.411Z WARN  [http-nio-8080-exec-3] c.e.shop.payment.PaymentAuthorizationServiceImpl : retry 2 of 5: connection reset by peer
{"level":"info","ts":1772532672.41,"caller":"http/server.go:229","msg":"request","method":"GET","path":"/api/v1/basket/4711","status":200,"ms":12}
{"level":"error","ts":1772532673.02,"msg":"dial tcp 10.0.3.17:5432: connect: connection refused","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}
I0303 10:11:12.345678       1 reflector.go:229] k8s.io/client-go/informers/factory.go:134: Watch close - *v1.Pod total 12 items received
time="2026-03-03T10:11:12Z" level=warning msg="token expired, refreshing" component=auth attempt=1 duration=132ms
10.0.0.7 - - [03/Mar/2026:10:11:12 +0000] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.29"
	at org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1067)
Caused by: java.sql.SQLException: Access denied for user 'checkout'@'10.0.3.17' (using password: YES)
"""
_WITH_SECRETS: Final = """connect postgres://shop:s3cr3t-pw@db:5432/shop failed
DB_PASSWORD=correcthorse next=1
Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl
{"api_key": "abc123def456", "user": "eve", "msg": "{\\"password\\":\\"s3cr3t\\"}"}
"""
_POD: Final[dict[str, Any]] = {
    "kind": "Pod",
    "metadata": {"name": "checkout-7d9f8b6c5d-x2x4z", "uid": "123e4567-e89b-12d3-a456-426614174000", "labels": {"app": "checkout"}},
    "spec": {"containers": [{"name": "app", "image": "shop/checkout:1", "env": [{"name": "A", "value": "b"}], "resources": {"limits": {"memory": "1Gi"}}}]},
    "status": {"conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [app]"}]},
}  # fmt: skip


def _filled(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


def _objects() -> str:
    pod = json.dumps(_POD)
    return json.dumps({"kind": "List", "items": [_POD] * (SIZE // len(pod))})


def _ms(work: Callable[[], object]) -> float:
    """Milliseconds of this thread's own work; the best of some."""
    best = 1e9
    for _ in range(15):
        begun = time.thread_time()
        work()
        best = min(best, time.thread_time() - begun)
    return best * 1000


def measure() -> Iterator[dict[str, Any]]:
    """One row for each kind of output."""
    described, logged, objects = _filled(_DESCRIBED), _filled(_LOGGED), _objects()
    secrets, words = _filled(_WITH_SECRETS), _filled("lorem ipsum dolor sit amet ")
    scan = _ms(lambda: _SCAN.sub("", logged))
    kinds: dict[str, Callable[[], object]] = {
        "describe": lambda: mask_output(described, "describe", None),
        "logs": lambda: mask_text(logged),
        "secrets": lambda: mask_text(secrets),
        "json": lambda: mask_output(objects, "get", "json"),
        "words": lambda: mask_text(words),
    }
    for name, work in kinds.items():
        took = _ms(work)
        yield {"name": f"masking.{name}", "value": round(took, 2), "unit": "ms", "reference": "one scan for long words", "ratio": round(took / scan, 1)}  # fmt: skip


if __name__ == "__main__":
    for row in measure():
        print(f"{row['name']:20} {row['value']:8.2f} ms  {row['ratio']:6.1f} scans")
