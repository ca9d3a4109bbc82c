"""What a person types: the real kubectl, as it is, on the simulator and on a real control plane."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from cluster_probe import ClusterProbe, a_deployment, eventually

Document = dict[str, Any]


def manifest(name: str = "web", **template: Any) -> Document:
    """A Deployment as a file would hold it."""
    document: Document = {"apiVersion": "apps/v1", "kind": "Deployment"} | a_deployment(name, **template)
    del document["spec"]["template"]["metadata"][
        "annotations"
    ]  # empty: the server would leave it out, and kubectl put it in again
    return document


def applied(probe: ClusterProbe, document: Document, *options: str) -> str:
    """What `kubectl apply -f -` prints."""
    done = probe.try_kubectl("apply", "-f", "-", *options, given=document)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(probe: ClusterProbe, *arguments: str, given: Document | None = None) -> str:
    """What kubectl says when it fails."""
    done = probe.try_kubectl(*arguments, given=given)
    assert done.returncode != 0, done.stdout
    return done.stderr


class TestCreate:
    """`kubectl create` sends protobuf for what its own flags make."""

    def test_a_deployment(self, probe: ClusterProbe) -> None:
        probe.kubectl("create", "deployment", "web", "--image=registry.test/app:v1", "--replicas=0", "--port=80")
        deployment = probe.get("Deployment", "web")
        assert deployment["spec"]["replicas"] == 0
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (port,) = container["ports"]
        assert (container["image"], port["containerPort"], port["protocol"]) == ("registry.test/app:v1", 80, "TCP")
        assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"

    def test_maps_secrets_and_namespaces(self, probe: ClusterProbe) -> None:
        probe.kubectl("create", "configmap", "a", "--from-literal=a=1", "--from-literal=b=")
        assert probe.get("ConfigMap", "a")["data"] == {"a": "1", "b": ""}
        probe.kubectl("create", "secret", "generic", "s", "--from-literal=word=open")
        secret = probe.get("Secret", "s")
        assert (secret["data"], secret["type"]) == ({"word": "b3Blbg=="}, "Opaque")
        probe.kubectl("create", "namespace", f"{probe.namespace}-more")
        probe.kubectl("delete", "namespace", f"{probe.namespace}-more", "--wait=false")

    def test_a_pod_that_is_run_and_exposed(self, probe: ClusterProbe) -> None:
        probe.kubectl("run", "app", "--image=registry.test/app:v1", "--labels=app=app")
        probe.kubectl("expose", "pod", "app", "--port=80", "--target-port=http")
        service = probe.get("Service", "app")
        assert service["spec"]["selector"] == {"app": "app"}
        assert [(port["port"], port["targetPort"], port["protocol"]) for port in service["spec"]["ports"]] == [
            (80, "http", "TCP")
        ]

    def test_a_file_that_is_there_already(self, probe: ClusterProbe) -> None:
        assert (
            probe.try_kubectl("create", "-f", "-", given=manifest(replicas=0)).stdout == "deployment.apps/web created\n"
        )
        assert "AlreadyExists" in refused(probe, "create", "-f", "-", given=manifest(replicas=0))

    def test_a_budget(self, probe: ClusterProbe) -> None:
        probe.kubectl("create", "poddisruptionbudget", "b", "--selector=app=web", "--min-available=50%")
        assert probe.get("PodDisruptionBudget", "b")["spec"]["minAvailable"] == "50%"

    @pytest.mark.parametrize("where", ["client", "server"])
    def test_a_dry_run_creates_nothing(self, probe: ClusterProbe, where: str) -> None:
        done = probe.try_kubectl("create", "-f", "-", f"--dry-run={where}", given=manifest(replicas=0))
        assert done.returncode == 0, done.stderr
        assert probe.listed("Deployment") == []

    def test_whether_one_may(self, probe: ClusterProbe) -> None:
        assert probe.kubectl("auth", "can-i", "create", "deployments").strip() == "yes"


class TestApply:
    """`kubectl apply` as it was first: the difference is found by the client."""

    def test_twice_changes_nothing(self, probe: ClusterProbe) -> None:
        assert applied(probe, manifest(replicas=0)) == "deployment.apps/web created"
        version = probe.get("Deployment", "web")["metadata"]["generation"]
        assert applied(probe, manifest(replicas=0)) == "deployment.apps/web unchanged"
        assert probe.get("Deployment", "web")["metadata"]["generation"] == version

    def test_changes_adds_and_removes(self, probe: ClusterProbe) -> None:
        first = manifest(replicas=0, container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]})
        applied(probe, first)
        second = deepcopy(first)
        (container,) = second["spec"]["template"]["spec"]["containers"]
        container |= {
            "image": "registry.test/app:v2",
            "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
        }
        assert probe.try_kubectl("diff", "-f", "-", given=second).returncode == 1
        assert applied(probe, second, "--dry-run=server") == "deployment.apps/web configured (server dry run)"
        assert applied(probe, second) == "deployment.apps/web configured"
        (stored,) = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert stored["image"] == "registry.test/app:v2"
        assert sorted((env["name"], env["value"]) for env in stored["env"]) == [("B", "3"), ("C", "4")]
        assert probe.try_kubectl("diff", "-f", "-", given=second).returncode == 0

    def test_what_was_removed_from_a_file_goes_and_what_others_set_stays(self, probe: ClusterProbe) -> None:
        document: Document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a"},
            "data": {"a": "1", "b": "2"},
        }
        applied(probe, document)
        probe.patch("ConfigMap", "a", {"data": {"c": "3"}})
        applied(probe, document | {"data": {"a": "1"}})
        assert probe.get("ConfigMap", "a")["data"] == {"a": "1", "c": "3"}


class TestServerSideApply:
    """`kubectl apply --server-side`: the server knows who owns which field."""

    def test_a_field_of_another_is_a_conflict_unless_it_is_forced(self, probe: ClusterProbe) -> None:
        applied(probe, manifest(replicas=0), "--server-side")
        probe.kubectl("scale", "deployment", "web", "--replicas=1")
        said = refused(probe, "apply", "-f", "-", "--server-side", given=manifest(replicas=0))
        assert "Apply failed with 1 conflict" in said
        assert ".spec.replicas" in said
        applied(probe, manifest(replicas=0), "--server-side", "--force-conflicts")
        assert probe.get("Deployment", "web")["spec"]["replicas"] == 0

    def test_twice_changes_nothing(self, probe: ClusterProbe) -> None:
        applied(probe, manifest(replicas=0), "--server-side")
        eventually(lambda: (probe.get("Deployment", "web").get("status") or {}).get("observedGeneration"))
        before = probe.get("Deployment", "web")["metadata"]["generation"]
        applied(probe, manifest(replicas=0), "--server-side")
        assert probe.get("Deployment", "web")["metadata"]["generation"] == before

    def test_two_managers_share_an_object(self, probe: ClusterProbe) -> None:
        def a_map(**data: str) -> Document:
            return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}

        applied(probe, a_map(a="1", b="2"), "--server-side", "--field-manager=one")
        applied(probe, a_map(b="2", c="3"), "--server-side", "--field-manager=two")
        applied(probe, a_map(), "--server-side", "--field-manager=one")
        assert probe.get("ConfigMap", "a")["data"] == {"b": "2", "c": "3"}
        applied(probe, a_map(c="3"), "--server-side", "--field-manager=two")
        assert probe.get("ConfigMap", "a")["data"] == {"c": "3"}

    def test_an_item_of_a_list_goes_with_its_owner(self, probe: ClusterProbe) -> None:
        env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
        applied(probe, manifest(replicas=0, container={"env": env}), "--server-side")
        applied(probe, manifest(replicas=0, container={"env": env[1:]}), "--server-side")
        (container,) = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert container["env"] == env[1:]

    def test_from_a_clients_apply_to_the_servers(self, probe: ClusterProbe) -> None:
        applied(probe, manifest(replicas=0))
        applied(probe, manifest(replicas=1), "--server-side")
        entries = probe.get("Deployment", "web")["metadata"]["managedFields"]
        (mine,) = [entry for entry in entries if (entry["manager"], entry["operation"]) == ("kubectl", "Apply")]
        assert "f:replicas" in mine["fieldsV1"]["f:spec"]
        assert "kubectl-client-side-apply" not in [entry["manager"] for entry in entries]
        assert probe.get("Deployment", "web")["spec"]["replicas"] == 1


class TestValidation:
    """A field that nobody knows, or of the wrong type, is found by the server's own reading."""

    UNKNOWN = manifest(replicas=0, container={"imagePolicy": "Always"})

    def test_an_unknown_field_is_refused(self, probe: ClusterProbe) -> None:
        said = refused(probe, "create", "-f", "-", given=self.UNKNOWN)
        assert 'strict decoding error: unknown field "spec.template.spec.containers[0].imagePolicy"' in said
        assert probe.listed("Deployment") == []

    def test_or_warned_of_and_left_out(self, probe: ClusterProbe) -> None:
        done = probe.try_kubectl("create", "-f", "-", "--validate=warn", given=self.UNKNOWN)
        assert 'Warning: unknown field "spec.template.spec.containers[0].imagePolicy"' in done.stderr
        assert "imagePolicy" not in probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]

    def test_a_patch_is_validated_too(self, probe: ClusterProbe) -> None:
        probe.deploy("web", replicas=0)
        done = probe.try_kubectl("patch", "deployment", "web", "-p", '{"spec":{"replica":1}}')
        assert done.stdout == "deployment.apps/web patched (no change)\n"
        assert 'Warning: unknown field "spec.replica"' in done.stderr

    @pytest.mark.parametrize("validate", ["true", "false"])
    def test_a_value_of_the_wrong_type_is_refused(self, probe: ClusterProbe, validate: str) -> None:
        wrong = manifest()
        wrong["spec"]["replicas"] = "two"
        said = refused(probe, "create", "-f", "-", f"--validate={validate}", given=wrong)
        assert "cannot unmarshal string into Go struct field" in said
        assert "spec.replicas of type int32" in said


class TestDailyWork:
    """Reading, changing and ending what is there."""

    def test_a_rollout_and_its_undoing(self, probe: ClusterProbe) -> None:
        applied(probe, manifest(replicas=1))
        probe.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        probe.kubectl("set", "image", "deployment/web", "app=registry.test/app:v2")
        probe.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        revisions = probe.kubectl("rollout", "history", "deployment/web").split()
        assert {"1", "2"} <= set(revisions)
        probe.kubectl("rollout", "undo", "deployment/web")
        template = probe.get("Deployment", "web")["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == "registry.test/app:v1"

    def test_labels_annotations_and_edits(self, probe: ClusterProbe, monkeypatch: pytest.MonkeyPatch) -> None:
        applied(probe, manifest(replicas=0))
        probe.kubectl("label", "deployment", "web", "tier=front")
        probe.kubectl("annotate", "deployment", "web", "note=here")
        monkeypatch.setenv("KUBE_EDITOR", "sed -i s/tier:.front/tier:\\ back/")
        probe.kubectl("edit", "deployment", "web")
        metadata = probe.get("Deployment", "web")["metadata"]
        assert (metadata["labels"], metadata["annotations"]["note"]) == ({"tier": "back"}, "here")
        probe.kubectl("label", "deployment", "web", "tier-")
        assert "labels" not in probe.get("Deployment", "web")["metadata"]

    def test_what_a_kind_is_made_of(self, probe: ClusterProbe) -> None:
        told = probe.kubectl("explain", "deployment.spec.template.spec.containers.resources")
        assert "limits" in told
        assert "KIND:       Deployment" in told

    def test_deleting_what_a_file_names(self, probe: ClusterProbe) -> None:
        applied(probe, manifest(replicas=0))
        assert probe.try_kubectl("delete", "-f", "-", given=manifest()).stdout.startswith(
            'deployment.apps "web" deleted'
        )
        assert probe.listed("Deployment") == []
        assert "NotFound" in refused(probe, "delete", "-f", "-", given=manifest())
