"""Put an earlier revision of a Deployment back: the latest never became available, that one was."""

from __future__ import annotations

from typing import Annotated

import msgspec

from aetherius.domain.repair.action import Circumstances, Mode, Order, Phase, Repair
from aetherius.domain.repair.answers import Name
from aetherius.domain.repair.patience import Patience
from aetherius.domain.repair.verify_workload import watched
from aetherius.domain.risk import RiskLevel


class RollbackDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Put the template of an earlier revision back."""

    name: Name
    to_revision: Annotated[int, msgspec.Meta(ge=1)]
    expected_revision: Annotated[int, msgspec.Meta(ge=1)]
    """Refused when the Deployment is at another revision by now."""
    mode: Mode = "execute"
    only_images: bool = False
    """Put back nothing but the images of containers: the rest of the present template stays."""
    container: str = ""
    """With `only_images`: of this container alone."""
    whole_template: bool = False
    """The template may be put back although more than one thing differs: other changes are undone with the one at fault."""
    approved_by_person: bool = False
    """Set by the platform alone, once a person has approved the order."""
    seen: list[str] = []
    """The facts that the approved plan stood on: with others, nothing is changed."""


class RollbackDeploymentRepair(Repair[RollbackDeployment]):
    """The entry."""

    name = "RollbackDeployment"
    parameters = RollbackDeployment
    choice = "rollback_deployment"
    base_risk = (RiskLevel.LOW, "back to a revision that was available; the present one never became so")

    no_undo = "the revision that it left never became available: whether to put that back is a person's decision"

    def phase(self, parameters: RollbackDeployment) -> Phase:
        """By its mode."""
        return Phase(parameters.mode)

    def object_of(self, parameters: RollbackDeployment) -> str:
        """The Deployment."""
        return parameters.name

    def raises_risk(self, circumstances: Circumstances) -> list[tuple[RiskLevel, str]]:
        """A change of configuration is somebody's intention, and a release that needs more memory; so is all else that a whole template takes along."""
        more = []
        if circumstances.cause.startswith("Config"):
            more.append(
                (RiskLevel.MEDIUM, "a change of configuration may be wanted, and the missing object on its way")
            )
        if circumstances.cause == "OOM":
            more.append((RiskLevel.MEDIUM, "a release that needs more memory may be wanted, with a higher limit"))
        if circumstances.parameters.get("whole_template"):
            more.append((RiskLevel.HIGH, "undoes other changes of the template with the one that is at fault"))
        return more

    def verification(self, parameters: RollbackDeployment, output: str, patience: Patience) -> Order:
        """The rollout is complete and stays so."""
        return watched(parameters.name, output, patience)


ENTRY = RollbackDeploymentRepair()
