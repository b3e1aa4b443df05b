"""Every command of the documentation is run, page by page, in a world as the demo makes it.

A block that begins with `# not run by the tests: …` is only parsed (`tests/docs`), and `make` is only asked what it
would do.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_delay, wait_fixed

from playground.binaries import Binaries
from playground.ports import free_ports
from playground.process import Process
from playground.stage import Stage
from playground.watcher import CanaryWatcher
from tests.docs.shell import PAGES, ROOT, Block, Command, blocks_of
from tests.integration.programs import Ran, until_logged
from tests.integration.scenario import temporal_of

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(600)]

INTERVAL = "2s"
COMMAND_SECONDS = 330
"""A little more than the longest `--timeout` of a `kubectl wait`."""
PATIENCE_SECONDS = 60
SERVERS = {"serinus worker": "operator_started", "serinus codec-server": "codec_server_listening"}
"""What serves until it is ended, and what it logs when it does."""
WANTS_A_RELEASE = re.compile(
    r"^(serinus|kubectl canary) (pause|resume|promote|abort|explain)|^temporal workflow (update|signal)|\"Progressing\""
)
"""What makes sense while a release is under way."""
AT_REST = ("Initialized", "Succeeded", "Failed")
WORLD = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: monitoring}}
- {apiVersion: v1, kind: Namespace, metadata: {name: flagger-system}}
- &flagger
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: flagger, namespace: flagger-system}
  spec:
    replicas: 1
    selector: {matchLabels: {app: flagger}}
    template:
      metadata: {labels: {app: flagger}}
      spec: {containers: [{name: flagger, image: flagger}]}
"""
"""What pages take for granted: a namespace for Secrets, and Flagger's Deployment."""


@dataclass
class Reader:
    """Somebody who types what a page says, in a terminal with the demo's `export` lines."""

    stage: Stage
    watcher: CanaryWatcher
    servers: AsyncExitStack
    exports: list[str] = field(default_factory=list)

    async def follow(self, block: Block) -> None:
        """Every command, in order."""
        for command in block.commands:
            text = re.sub(r"^\S*/bin/", "", command.text)
            if text.startswith("export "):
                self.exports.append(text)
            elif server := next((name for name in SERVERS if text.startswith(name)), ""):
                await self._serve(text, SERVERS[server])
            elif text.startswith("make "):
                await self._typed(Command(text.replace("make ", "make --dry-run ", 1)))
            else:
                await self._typed(Command(text, command.answer))

    async def _typed(self, command: Command) -> None:
        """Run it, and once more if it came too early, as a person would; in the end it does what it is shown to do."""
        otherwise = retry_if_result(lambda problem: problem != "")
        patience = AsyncRetrying(
            retry=otherwise, wait=wait_fixed(1), stop=stop_after_delay(PATIENCE_SECONDS), retry_error_callback=last
        )
        problem: str = await patience(self._problem, command)
        assert not problem, f"{command.text}\n{problem}\n{self.watcher.status}\n{self.watcher.texts[-9:]}"

    async def _problem(self, command: Command) -> str:
        """What it said, when that is not what it is shown to say, or when it ends otherwise; else nothing."""
        if WANTS_A_RELEASE.search(command.text):
            await self._under_way()
        ran = await self._run(command.text)
        said = f"{ran.out}{ran.err}" or f"exit code {ran.code}"
        is_so = ran.code == command.refused
        return "" if is_so and (not command.answer or shape(said).startswith(shape(command.answer))) else said

    async def _under_way(self) -> None:
        """Release something, if nothing is."""
        if self.watcher.phase in AT_REST:
            image = f"ghcr.io/stefanprodan/podinfo:7.0.{time.time_ns()}"
            await self.stage.kubectl("-n", "test", "set", "image", "deployment/podinfo", f"podinfod={image}")
            await self.watcher.until(lambda: self.watcher.phase not in AT_REST, seconds=60, what="a release")

    async def _run(self, text: str) -> Ran:
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-ec",
            "\n".join([*self.exports, text]),
            cwd=ROOT,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await child.communicate()
        return Ran(child.returncode or 0, out.decode(), err.decode())

    async def _serve(self, text: str, sign: str) -> None:
        """Until the page ends; a worker looks after nobody, so that the stage's own is not disturbed."""
        (port,) = free_ports(1)
        apart = {"SERINUS_NAMESPACE": "nobody", "SERINUS_TASK_QUEUE": "docs", "SERINUS_PORT": str(port)}
        log = self.stage.folder / "logs" / f"docs-{port}.log"
        server = Process(f"docs-{port}", log, environment=self.environment | apart)
        await server.start([Path("/bin/sh"), "-ec", "\n".join([*self.exports, f"exec {text}"])])
        self.servers.push_async_callback(server.stop)
        await until_logged(server, sign)

    @property
    def environment(self) -> dict[str, str]:
        """Of the terminal."""
        path = f"{self.stage.programs}:{os.environ['PATH']}"
        return self.stage.env | {"PATH": path, "USER": "ada", "COLUMNS": "200"}


def shape(text: str) -> str:
    """A text without what differs each time: numbers, hashes, widths."""
    return " ".join(re.sub(r"[0-9a-f-]{8,}|\d+", "#", text).split())


def last(state: RetryCallState) -> Any:
    """What the last attempt gave."""
    return state.outcome.result() if state.outcome else None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """As the demo leaves it."""
    async with Stage(tmp_path_factory.mktemp("docs"), binaries) as stage:
        await stage.kubectl("apply", "-f", "-", manifest=WORLD)
        await stage.apply_guide(interval=INTERVAL)
        yield stage


@pytest_asyncio.fixture
async def reader(stage: Stage) -> AsyncIterator[Reader]:
    """Who finds the canary at rest, and nobody paused."""
    watcher = CanaryWatcher(stage.kubeconfig, "test", "podinfo")
    async with watcher, AsyncExitStack() as servers:
        reader = Reader(stage, watcher, servers)
        await watcher.until(lambda: watcher.phase != "", seconds=60, what="the canary")
        if watcher.phase not in (*AT_REST, "Initializing"):
            await reader.follow(Block("", 0, (Command("serinus abort podinfo -n test"),)))
        await watcher.until_phase(*AT_REST, seconds=120)
        yield reader


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks_of(page))], ids=lambda page: page.stem)
async def test_every_command_of_the_page_works(reader: Reader, page: Path) -> None:
    """As it is printed, in the order of the page."""
    for block in blocks_of(page):
        if not block.not_run:
            await reader.follow(block)


VIEWS = re.findall(r"^\| [A-Z][^|`]+ \| `([^`]+)` \|$", (ROOT / "docs" / "temporal.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("query", VIEWS)
async def test_every_saved_view_is_understood(stage: Stage, query: str) -> None:
    """By Temporal, with the search attributes that the worker registered."""
    temporal = await temporal_of(stage)
    await temporal.count_workflows(query)


def test_there_are_views() -> None:
    """Else the test of them is empty."""
    assert len(VIEWS) > 5
