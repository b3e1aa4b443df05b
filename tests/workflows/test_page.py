"""The page of a run in the Temporal UI is Markdown whose parts stay apart."""

from markdown_it import MarkdownIt

from tests.builders import CANARY
from workflows.console import Console
from workflows.observation import Names, Phase
from workflows.state import Request, State
from workflows.verdict import Check, Passed, Question


def test_checks_and_log() -> None:
    """The verdicts are a list, and each sentence of the log is a line of its own below it."""
    checks = (Check(name="load-test", question=Question.HOOK, answer=Passed()),)
    names = Names(canary=CANARY.name, namespace=CANARY.namespace, target=CANARY.name)
    log = ["Starting canary analysis", "Advance podinfo.test canary weight 5"]
    state = State(canary=CANARY, names=names, phase=Phase.PROGRESSING, checks=checks, log=log)

    page = MarkdownIt().render(Console(Request(canary=CANARY, state=state))._page())

    assert "<li>load-test: passed</li>" in page
    assert f"<pre><code>{log[0]}\n{log[1]}\n</code></pre>" in page
