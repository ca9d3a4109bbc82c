"""Takes secrets out of what leaves the cluster; what was taken out is replaced by a short hash, so that equal values can still be recognised as equal.

This lowers a risk, it does not remove it: the agent's own rights (no secrets, no exec) are the wall, this is the net behind it. These are the ways in:
`mask_output` for what a command printed, by its structure and then as text; the others for one of the two alone.
"""

from aetherius.edge_agent.redaction.describe import mask_description
from aetherius.edge_agent.redaction.output import mask_output
from aetherius.edge_agent.redaction.structure import mask_object
from aetherius.edge_agent.redaction.text import mask_start, mask_text

__all__ = ["mask_description", "mask_object", "mask_output", "mask_start", "mask_text"]
