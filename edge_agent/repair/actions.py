"""Which function does which typed action."""

from __future__ import annotations

import msgspec

from aetherius.domain.wire import repair
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.drain_node import drain_node
from aetherius.edge_agent.repair.rollback_deployment import rollback_deployment
from aetherius.edge_agent.repair.update_resource_limits import update_resource_limits
from aetherius.edge_agent.repair.verify_evacuation import verify_evacuation
from aetherius.edge_agent.repair.verify_workload import verify_workload
from aetherius.edge_agent.repair.workload_history import workload_history


def perform(action: repair.Action, namespace: str, cluster: Cluster, watch: Stopwatch) -> bytes:
    """Do an action and return its answer as JSON. Blocking.

    Raises:
        RepairRefusedError: nothing was changed, for the reason it gives.
        ClusterRefusedError: the API server refuses. A dry run comes first, so that nothing was changed then.
        ClusterUnreachableError: a change may or may not have been made; doing the action again finds out.
    """
    return msgspec.json.encode(_perform(action, namespace, cluster, watch))


def _perform(action: repair.Action, namespace: str, cluster: Cluster, watch: Stopwatch) -> msgspec.Struct:
    match action:
        case repair.UpdateResourceLimits():
            return update_resource_limits(action, namespace, cluster)
        case repair.RollbackDeployment():
            return rollback_deployment(action, namespace, cluster)
        case repair.DrainNode():
            return drain_node(action, cluster, watch)
        case repair.VerifyWorkload():
            return verify_workload(action, namespace, cluster, watch)
        case repair.VerifyEvacuation():
            return verify_evacuation(action, cluster, watch)
        case repair.WorkloadHistory():
            return workload_history(action, namespace, cluster)
