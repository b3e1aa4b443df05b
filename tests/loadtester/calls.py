"""Calls of a load tester, through ASGI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from loadtester.app import create_app
from loadtester.gates import Gates
from loadtester.metrics import Metrics
from loadtester.settings import load_settings
from loadtester.tasks import Tasks


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a load tester of its own."""
    loaded, metrics = load_settings(**settings), Metrics()
    async with Tasks(loaded, metrics) as tasks:
        transport = httpx.ASGITransport(create_app(loaded, tasks, Gates(loaded.gates_file), metrics))
        async with httpx.AsyncClient(transport=transport, base_url="http://loadtester") as client:
            yield client


def a_call(cmd: str, **metadata: str) -> dict[str, Any]:
    """The payload of a hook."""
    return {"name": "podinfo", "namespace": "test", "phase": "Progressing", "metadata": {"cmd": cmd, **metadata}}
