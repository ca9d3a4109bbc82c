"""Takes secrets out of what leaves the cluster: by structure where there is one (objects, descriptions), then by their shapes and names in text.

What is taken out is replaced by a short hash, so that equal values can still be recognised as equal. This lowers a risk, it does not remove it: the agent's own rights
(no secrets, no exec) are the wall, this is the net behind it. Everything here takes time in proportion to the text: any pod can have us read what it likes.
"""

from aetherius.edge_agent.redaction.descriptions import mask_description
from aetherius.edge_agent.redaction.objects import mask_object
from aetherius.edge_agent.redaction.text import mask_beginning, mask_text

__all__ = ["mask_beginning", "mask_description", "mask_object", "mask_text"]
