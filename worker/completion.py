"""What a shell offers for Canaries and namespaces: their names, or nothing when the cluster does not answer at once."""

import asyncio

import typer

from k8s.client import Cluster, Json
from k8s.errors import ClusterError
from k8s.resources import CANARIES
from worker.settings import WrongSetting, load_settings

PATIENCE_SECONDS = 1.0
"""Whoever pressed Tab waits for it."""


def names(context: typer.Context, incomplete: str) -> list[str]:
    """Of Canaries, of the namespace that stands on the line already or else of all."""
    namespace = context.params["namespace"]
    anywhere = {"", "default"}  # what the options are when the line does not name one
    found = {each["name"] for each in _canaries() if namespace in anywhere | {each["namespace"]}}
    return sorted(name for name in found if name.startswith(incomplete))


def namespaces(incomplete: str) -> list[str]:
    """Those that have a Canary."""
    found = {each["namespace"] for each in _canaries()}
    return sorted(name for name in found if name.startswith(incomplete))


def _canaries() -> list[Json]:
    """Their metadata."""
    try:
        return asyncio.run(_listed())
    except (ClusterError, TimeoutError, WrongSetting):
        return []


async def _listed() -> list[Json]:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        Cluster.connect(load_settings().kubeconfig, user_agent="serinus-cli") as cluster,
    ):
        return [each["metadata"] for each in (await cluster.get(CANARIES.path()))["items"]]
