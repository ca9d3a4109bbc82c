"""GraphiQL as a browser has it: the page opens under its own policy, and a question is answered."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import anyio.to_thread
import pytest

from aetherius.event_store.log import Log
from browser import Browser
from graphql_client import GraphQLClient
from log_history import History

pytestmark = pytest.mark.anyio


async def test_a_browser_gets_the_page_and_nothing_from_elsewhere(client: GraphQLClient) -> None:
    answer = await client.http.get(client.url, headers={"accept": "text/html,*/*"})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "http" not in answer.text.replace("/graphql", "")
    for name, kind in (
        ("graphiql.js", "text/javascript"),
        ("graphiql.css", "text/css"),
        ("LICENSES.txt", "text/plain"),
    ):
        file = await client.http.get(f"{client.url}/ide/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].startswith(kind)
    assert (await client.http.get(f"{client.url}/ide/page.jsx")).status_code == 404
    assert (await client.http.get(client.url, headers={"accept": "application/json"})).status_code == 401


async def test_chromium_opens_it_and_a_question_is_answered(
    client: GraphQLClient, history: History, log: Log, chromium: str
) -> None:
    history.report()
    question, headers = "{ head }", json.dumps({"Authorization": f"Bearer {client.token}"})
    with tempfile.TemporaryDirectory() as profile:
        text = await anyio.to_thread.run_sync(_run_in_browser, chromium, client.url, question, headers, Path(profile))
    assert f'"head": {log.head()}' in text


def _run_in_browser(chromium: str, url: str, question: str, headers: str, profile: Path) -> str:
    """What the page shows after a question was asked in it, by the browser's debugging protocol."""
    with Browser(chromium, profile) as browser:
        browser.open(url)
        browser.until("document.querySelectorAll('.CodeMirror').length >= 3")
        browser.evaluate(
            f"document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue({json.dumps(question)})"
        )
        browser.evaluate(
            "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].forEach(e => "
            f"e.CodeMirror.setValue(e.closest('.hidden') ? '' : {json.dumps(headers)}))"
        )
        browser.evaluate("document.querySelector('.graphiql-execute-button').click()")
        shown = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? ''"
        browser.until(f"({shown}).includes('head')")
        assert browser.violations() == []
        return str(browser.evaluate(shown))


def test_the_bundle_is_small_and_has_its_licences() -> None:
    folder = Path(__file__).parents[3] / "graphql" / "ide"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    licences = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    assert "== graphiql 4" in licences
    assert "Permission is hereby granted" in licences
    assert subprocess.run(["bash", "-n", str(folder / "build.sh")], check=False).returncode == 0
