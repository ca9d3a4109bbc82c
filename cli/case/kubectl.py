"""kubectl on a case: it prints what the case shows, and fails where nobody can see. Everything is masked as the agent's own kubectl masks it."""

from __future__ import annotations

from typing import Final

from aetherius.cli.case.description import describe
from aetherius.cli.case.objects import CaseApi, printed_json
from aetherius.edge_agent.commanding.execute import Kubectl, Output
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand

_LIMIT: Final = 256 * 1024
_NAMESPACE_FREE: Final = frozenset({"node", "persistentvolume", "namespace"})


class CaseKubectl(Kubectl):
    """Answers `describe` and `get` of one object; of logs a case has none."""

    def __init__(self, api: CaseApi) -> None:
        self._api = api
        self._limit = _LIMIT

    async def run(self, command: KubectlCommand, within: float) -> Output:
        text = self._text(command)
        if text is None:
            said = f"kubectl {' '.join(command.argv())}: cannot be seen: the case does not show it"
            return self._finished(1, b"", False, said.encode(), command)
        return self._finished(0, text.encode(), False, b"", command)

    def _text(self, command: KubectlCommand) -> str | None:
        words = [part for word in command.words for part in word.split("/", 1)]
        if command.verb not in ("describe", "get") or len(words) != 2:
            return None
        kind = words[0].lower().partition(".")[0].removesuffix("s")
        namespace = "" if kind in _NAMESPACE_FREE else command.namespace or ""
        document = self._api.of(kind, namespace, words[1])
        if document is None:
            return None
        if command.verb == "get":
            return printed_json(document)
        return describe(document, self._api.events_about(document["kind"], words[1]))
